//! Writes QueryInfos of any size, the same bytes each time: keys, nesting and value lengths are
//! those of captured answers (`templates/`, in which `#` stands for a digit and `?` for a character
//! of base64), the values are pseudo-random. Streams to a writer; never holds more than one task.

mod random;
mod task;
mod template;

use std::io::{self, Write};

use random::Random;
use task::{Kind, Place};

/// Which tasks the query has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Of 20 tasks 19 are FINISHED, with about 50 kB of statistics each.
    FinishedHeavy,
    /// All tasks are RUNNING, about 2.3 kB each.
    RunningHeavy,
}

/// How stages are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// `outputStage` with nested `subStages`, as up to 476.
    Nested,
    /// A flat list in `stages`, as from 477.
    Flat,
}

/// One document.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub mix: Mix,
    pub wire: Wire,
    /// About how many bytes the document shall have.
    pub bytes: u64,
    /// How many workers run the tasks.
    pub workers: u32,
}

const QUERY: &str = "20261122_120000_00042_mixed";
const MAX_STAGES: u64 = 24;

impl Recipe {
    /// Tasks of the document.
    pub fn tasks(&self) -> u64 {
        let per_task = match self.mix {
            Mix::FinishedHeavy => 48_400,
            Mix::RunningHeavy => 2_270,
        };
        let rest = self.stages() * 19_000;
        (self.bytes.saturating_sub(rest) / per_task).max(1)
    }

    fn stages(&self) -> u64 {
        (self.bytes / 1_000_000).clamp(1, MAX_STAGES)
    }

    /// Writes the document.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut writer = Writer {
            recipe: *self,
            random: Random::new(42),
            buffer: Vec::new(),
            next: 0,
            out,
        };
        writer.document()
    }
}

struct Writer<'a, W: Write> {
    recipe: Recipe,
    random: Random,
    buffer: Vec<u8>,
    /// The number of the next task.
    next: u64,
    out: &'a mut W,
}

impl<W: Write> Writer<'_, W> {
    fn document(&mut self) -> io::Result<()> {
        let total = self.recipe.tasks();
        self.text(&format!(r#"{{"queryId":"{QUERY}","session":"#));
        self.fill(template::SESSION);
        self.text(&format!(
            r#","state":"RUNNING","self":"http://10.0.0.1:8080/v1/query/{QUERY}","fieldNames":["a"],"query":"SELECT \"a\" FROM t","queryStats":{{"totalTasks":{total},"#
        ));
        self.fill(template::QUERY_STATS);
        self.text("},");
        self.fill(template::BETWEEN);
        match self.recipe.wire {
            Wire::Nested => self.nested()?,
            Wire::Flat => self.flat()?,
        }
        self.text(",");
        self.fill(template::TAIL);
        self.text("}");
        self.flush()
    }

    fn nested(&mut self) -> io::Result<()> {
        let stages = self.recipe.stages();
        self.text(r#","outputStage":"#);
        for stage in 0..stages {
            self.stage(stage)?;
            self.text(r#","subStages":["#);
        }
        for _ in 0..stages {
            self.text(r#"],"tables":{}}"#);
        }
        Ok(())
    }

    fn flat(&mut self) -> io::Result<()> {
        let stages = self.recipe.stages();
        self.text(&format!(
            r#","stages":{{"outputStageId":"{QUERY}.0","stages":["#
        ));
        for stage in 0..stages {
            if stage > 0 {
                self.text(",");
            }
            self.stage(stage)?;
            self.text(r#","subStages":["#);
            if stage + 1 < stages {
                self.text(&format!(r#""{QUERY}.{}""#, stage + 1));
            }
            self.text(r#"],"tables":{}}"#);
        }
        self.text("]}");
        Ok(())
    }

    /// A stage up to and with its tasks.
    fn stage(&mut self, stage: u64) -> io::Result<()> {
        self.text(&format!(
            r#"{{"stageId":"{QUERY}.{stage}","state":"RUNNING","plan":"#
        ));
        self.fill(template::PLAN);
        self.text(r#","coordinatorOnly":false,"types":["bigint","varchar(50)"],"stageStats":"#);
        self.fill(match self.recipe.mix {
            Mix::FinishedHeavy => template::FINISHED_STAGE_STATS,
            Mix::RunningHeavy => template::STAGE_STATS,
        });
        self.text(r#","tasks":["#);
        let end = self.recipe.tasks() * (stage + 1) / self.recipe.stages();
        let start = self.next;
        while self.next < end {
            if self.next > start {
                self.text(",");
            }
            self.task(stage, self.next - start)?;
            self.next += 1;
        }
        self.text("]");
        Ok(())
    }

    fn task(&mut self, stage: u64, partition: u64) -> io::Result<()> {
        let running = self.recipe.mix == Mix::RunningHeavy || self.next % 20 == 7;
        let place = Place {
            query: QUERY,
            stage,
            partition,
            worker: self.random.below(u64::from(self.recipe.workers)),
        };
        let kind = if running {
            Kind::Running
        } else {
            Kind::Finished
        };
        task::append(&mut self.buffer, &mut self.random, kind, &place);
        self.flush()
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn fill(&mut self, template: &str) {
        template::fill(&mut self.buffer, template, &mut self.random);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
