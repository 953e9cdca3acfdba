/// The beginning of a text, of at most so many bytes. What clients or callers may make as long as they like would otherwise wait in
/// full to be sent, while nobody takes it.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_in_two() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("too long", 3), "too");
        assert_eq!(cut("12ä", 3), "12");
        assert_eq!(cut("ä", 1), "");
    }
}
