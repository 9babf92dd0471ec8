//! The goals and whether they are met. Measures nothing.

/// What was compared with its "at most".
#[derive(Default)]
pub struct Goals {
    goals: Vec<Goal>,
}

struct Goal {
    what: String,
    value: f64,
    most: f64,
}

impl Goals {
    /// Notes a value. One that is not a number is a miss.
    pub fn at_most(&mut self, what: String, value: f64, most: f64) {
        self.goals.push(Goal { what, value, most });
    }

    /// Prints all of them; whether all are met.
    pub fn print(&self) -> bool {
        println!();
        for goal in &self.goals {
            let Goal { what, value, most } = goal;
            let verdict = if goal.is_met() { "met" } else { "MISSED" };
            println!("{what:<58} {value:>7.2}, at most {most}: {verdict}");
        }
        self.goals.iter().all(Goal::is_met)
    }
}

impl Goal {
    fn is_met(&self) -> bool {
        self.value <= self.most
    }
}
