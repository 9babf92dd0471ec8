//! Documents with holes: JSON text taken from captures, whitespace removed, in which `{{name}}`
//! marks what differs from one answer to the next. It fills text in; it knows no meaning.

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    Slot(&'static str),
}

/// What to fill in, by name. Text is taken as it is: quotes and escapes are the caller's.
#[derive(Debug, Default)]
pub struct Values(Vec<(&'static str, String)>);

impl Values {
    /// Sets one value; the last one set wins.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Template {
    /// Reads a template. Whitespace outside JSON strings is dropped, as Trino writes none.
    #[must_use]
    pub fn parse(source: &'static str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = source;
        let mut in_string = false;
        while let Some((text, after)) = rest.split_once("{{") {
            pieces.push(Piece::Text(compact(text, &mut in_string)));
            let Some((name, after)) = after.split_once("}}") else {
                break;
            };
            pieces.push(Piece::Slot(name));
            rest = after;
        }
        pieces.push(Piece::Text(compact(rest, &mut in_string)));
        Self { pieces }
    }

    /// Cuts the template at a slot, which belongs to neither part.
    #[must_use]
    pub fn split(self, slot: &str) -> (Self, Self) {
        let mut before = self.pieces;
        let at = before
            .iter()
            .position(|piece| matches!(piece, Piece::Slot(name) if *name == slot));
        let after = at.map_or_else(Vec::new, |at| before.split_off(at).split_off(1));
        (Self { pieces: before }, Self { pieces: after })
    }

    /// Appends the filled template to `out`. A slot without a value stays empty, which is how
    /// optional members are left out.
    pub fn render(&self, values: &Values, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Slot(name) => {
                    out.extend_from_slice(values.get(name).unwrap_or_default().as_bytes());
                }
            }
        }
    }

    /// The filled template as text.
    #[must_use]
    pub fn text(&self, values: &Values) -> String {
        let mut out = Vec::new();
        self.render(values, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Names of its slots.
    #[cfg(test)]
    pub fn slots(&self) -> impl Iterator<Item = &'static str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(*name),
            Piece::Text(_) => None,
        })
    }
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Drops whitespace outside strings; `in_string` carries over from piece to piece.
fn compact(text: &str, in_string: &mut bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut escaped = false;
    for &byte in text.as_bytes() {
        if !*in_string && byte.is_ascii_whitespace() {
            continue;
        }
        if byte == b'"' && !escaped {
            *in_string = !*in_string;
        }
        escaped = *in_string && byte == b'\\' && !escaped;
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_goes_and_strings_stay() {
        let template =
            Template::parse("{\n \"a b\": \"x \\\" {{name}} y\",\n {{more}} \"n\": {{n}}\n}\n");
        let values = Values::default().set("name", "mid").set("n", 3);
        assert_eq!(template.text(&values), r#"{"a b":"x \" mid y","n":3}"#);
        assert_eq!(template.slots().collect::<Vec<_>>(), ["name", "more", "n"]);
    }

    #[test]
    fn a_cut_template_is_the_whole_without_the_slot() {
        let (head, tail) = Template::parse("[1, {{tasks}}, {{z}}]").split("tasks");
        let values = Values::default().set("z", 9);
        assert_eq!(
            (head.text(&values), tail.text(&values)),
            ("[1,".into(), ",9]".into())
        );
    }

    #[test]
    fn text_is_quoted_as_json() {
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
    }
}
