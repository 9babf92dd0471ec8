//! What a scenario tells while it runs: printed at once while it is the only one, gathered and printed together at its end
//! while others run beside it. Which of the two is the runner's choice.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

tokio::task_local! {
    static STORY: Story;
}

/// `println!` of a scenario: goes where the scenario's story goes.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::story::tell(&format!($($words)*))
    };
}
pub(crate) use say;

/// What one scenario has told.
#[derive(Clone, Default)]
pub struct Story(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    text: String,
    namespaces: BTreeSet<String>,
}

impl Story {
    /// Runs a scenario whose story this is.
    pub async fn of<T>(&self, scenario: impl Future<Output = T>) -> T {
        STORY.scope(self.clone(), scenario).await
    }

    /// Its lines so far.
    pub fn text(&self) -> String {
        self.told().text.clone()
    }

    /// Whether a line of somebody's log is about a namespace that it takes place in.
    pub fn is_about(&self, line: &str) -> bool {
        let told = self.told();
        told.namespaces
            .iter()
            .any(|namespace| line.contains(namespace.as_str()))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One more line; see [`say!`].
pub fn tell(line: &str) {
    let told = STORY.try_with(|story| {
        let mut told = story.told();
        told.text.push_str(line);
        told.text.push('\n');
    });
    // Without a story of its own, or in a task that the scenario has spawned.
    if told.is_err() {
        println!("{line}");
    }
}

/// The scenario takes place in this namespace.
pub fn takes_place_in(namespace: &str) {
    // Whoever runs alone has no story, and all logs are about it.
    let _ = STORY.try_with(|story| story.told().namespaces.insert(namespace.to_owned()));
}
