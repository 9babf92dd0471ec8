//! Decodes the inside of a JSON string: escapes, UTF-8, no raw control characters.

/// The text of `raw`, the bytes between two quotes. `scratch` is used where escapes must be undone.
pub(super) fn decode<'a>(raw: &'a [u8], scratch: &'a mut String) -> Option<&'a str> {
    // One pass without early exit, which the compiler turns into vector code.
    let (mut control, mut escape) = (false, false);
    for &byte in raw {
        control |= byte < 0x20;
        escape |= byte == b'\\';
    }
    if control {
        return None;
    }
    let text = std::str::from_utf8(raw).ok()?;
    if !escape {
        return Some(text);
    }
    scratch.clear();
    unescape(text, scratch)?;
    Some(scratch)
}

fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = rest.get(at + 1..)?;
        let (character, used) = escape(after)?;
        out.push(character);
        rest = &after[used..];
    }
    out.push_str(rest);
    Some(())
}

/// The character that the text after a backslash spells, and how many bytes that took.
fn escape(after: &str) -> Option<(char, usize)> {
    let character = match after.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(after),
        _ => return None,
    };
    Some((character, 1))
}

/// `uXXXX`, or a pair of surrogates `uXXXX\uXXXX`.
fn unicode(after: &str) -> Option<(char, usize)> {
    let first = unit(after)?;
    if !(0xd800..0xe000).contains(&first) {
        return Some((char::from_u32(first)?, 5));
    }
    let second = unit(after.get(5..)?.strip_prefix('\\')?)?;
    let paired = first < 0xdc00 && (0xdc00..0xe000).contains(&second);
    let code = 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    paired.then_some((char::from_u32(code)?, 11))
}

/// The four hexadecimal digits after `u`.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn decoded(raw: &str) -> Option<String> {
        decode(raw.as_bytes(), &mut String::new()).map(str::to_owned)
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(decoded(r"http:\/\/h\/1").as_deref(), Some("http://h/1"));
        assert_eq!(decoded(r"\u0074asks").as_deref(), Some("tasks"));
        assert_eq!(
            decoded(r#"\"\\\b\f\n\r\t"#).as_deref(),
            Some("\"\\\u{8}\u{c}\n\r\t")
        );
        assert_eq!(decoded(r"\ud83d\ude00!").as_deref(), Some("😀!"));
        assert_eq!(decoded("ä").as_deref(), Some("ä"));
    }

    #[test]
    fn broken_text_is_refused() {
        for raw in [
            r"\x",
            r"\u12",
            r"\u+123",
            r"\ud83d",
            r"\ud83d\u0041",
            r"\ude00",
            "\n",
            r"a\",
        ] {
            assert_eq!(decoded(raw), None, "{raw}");
        }
        assert_eq!(decode(&[0xff], &mut String::new()), None);
    }
}
