//! What is wrong with a configuration, said so that it can be put right: line, key,
//! value and what is allowed. Pure; decides wording only.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The line of the file, counted from 1; `None` for a key that is not there.
    pub line: Option<usize>,
    /// The key's path, for example `coordinators.blue.url`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// Something allowed that deserves a warning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// The key's path.
    pub key: String,
    /// What to know about it.
    pub message: String,
}

/// Everything that is wrong with one file, in the order of its lines; never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Notice {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl Problem {
    pub(crate) fn at(line: usize, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            key: key.into(),
            message: message.into(),
        }
    }

    /// Prints the problem after the name of its file: `config.yaml:12: key: message`.
    fn write(&self, file: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(out, ": {}", self.key)?;
        }
        write!(out, ": {}", self.message)
    }
}

impl Problems {
    /// Orders by line; what has no line comes last.
    pub(crate) fn new(mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Self { list }
    }

    /// The problems, in the order of the file.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// A value that prints one line a problem, each beginning with `file`.
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile {
            problems: self,
            file,
        }
    }
}

struct InFile<'a> {
    problems: &'a Problems,
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.list.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            problem.write(self.file, out)?;
        }
        Ok(())
    }
}
