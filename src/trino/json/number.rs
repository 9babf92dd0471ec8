//! Reads a counter from its JSON text: a whole number from 0 to 2^64-1, also where a writer chose
//! a notation with fraction or exponent. Exact: nothing is ever rounded.

/// A JSON number without sign, in pieces of ASCII digits: `whole.fraction * 10^exponent`.
struct Decimal<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Clamped where it is out of range; such a number is 0 or no counter.
    exponent: i64,
}

/// The counter that `text` spells, or `None` for anything else.
pub(in crate::trino) fn whole(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) {
        let leading_zero = text.len() > 1 && text[0] == b'0';
        return if leading_zero || text.is_empty() {
            None
        } else {
            text.iter().copied().try_fold(0, append)
        };
    }
    Decimal::read(text)?.value()
}

fn append(sum: u64, digit: u8) -> Option<u64> {
    sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
}

impl<'a> Decimal<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (whole, rest) = digits(text)?;
        if whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(after) => digits(after)?,
            None => (&[][..], rest),
        };
        Some(Self {
            whole,
            fraction,
            exponent: exponent(rest)?,
        })
    }

    /// Digits left of the point after the exponent has moved it make the value; others must be 0.
    fn value(&self) -> Option<u64> {
        let all = || self.whole.iter().chain(self.fraction);
        if all().all(|&digit| digit == b'0') {
            return Some(0);
        }
        let left = i64::try_from(self.whole.len())
            .ok()?
            .checked_add(self.exponent)?;
        let left = usize::try_from(left).ok()?;
        if !all().skip(left).all(|&digit| digit == b'0') {
            return None;
        }
        let padding = std::iter::repeat(&b'0');
        all().chain(padding).take(left).copied().try_fold(0, append)
    }
}

/// One digit or more, and what follows.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then(|| text.split_at(count))
}

/// The exponent that `text` is; 0 where it is empty.
fn exponent(text: &[u8]) -> Option<i64> {
    let Some(signed) = text.strip_prefix(b"e").or(text.strip_prefix(b"E")) else {
        return text.is_empty().then_some(0);
    };
    let negative = signed.first() == Some(&b'-');
    let plain = signed.strip_prefix(b"+").or(signed.strip_prefix(b"-"));
    let (all, rest) = digits(plain.unwrap_or(signed))?;
    let size = all
        .iter()
        .copied()
        .try_fold(0, append)
        .unwrap_or(u64::MAX)
        .min(1 << 32);
    let size = i64::try_from(size).ok()?;
    rest.is_empty()
        .then_some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn whole_numbers_in_any_notation() {
        for (text, value) in [
            ("0", 0),
            ("34010033", 34_010_033),
            ("18446744073709551615", u64::MAX),
            ("1.0E0", 1),
            ("1.5e1", 15),
            ("120e-1", 12),
            ("0.0", 0),
            ("9007199254740993.00", (1 << 53) + 1),
            ("1.8446744073709551615e19", u64::MAX),
            ("0e99999999999999999999", 0),
            ("0.000e-7", 0),
        ] {
            assert_eq!(whole(text.as_bytes()), Some(value), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-1",
            "-0",
            "1.5",
            "NaN",
            "1e400",
            "1e30",
            "18446744073709551616",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1 2",
            "+1",
            "0x10",
            "1_0",
            "Infinity",
            "0.99999999999999999999",
            "1e-400",
            "5e-1",
            "1e99999999999999999999",
        ] {
            assert_eq!(whole(text.as_bytes()), None, "{text}");
        }
    }
}
