//! When to stop: SIGTERM or SIGINT asks the process to finish, a second one of either
//! ends it at once. Decides nothing about what finishing means.
//!
//! Exit codes: 0 after an orderly stop; 128 + signal (143 or 130) when the second signal
//! cut it short, as a shell would report it. The bound on an orderly stop is kept by
//! [`super::tasks`].

use std::io;
use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Both signals that ask us to leave.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// One of them, as it arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    Terminate,
    Interrupt,
}

/// A token that the first signal cancels. Fails when handlers can't be installed; must be
/// called on the runtime.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut signals = Signals::install()?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        let asked = signals.next().await;
        tracing::info!(
            signal = asked.name(),
            "Shutting down; a second signal leaves at once"
        );
        first.cancel();
        let again = signals.next().await;
        tracing::error!(signal = again.name(), "Left at once by a second signal");
        exit(again.exit_code());
    });
    Ok(stop)
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// 128 + signal number; POSIX fixes the two numbers.
    fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
}
