//! What a user program could use of a header of the kernel's inside: its macros and
//! enumerations, without the code between them.
//!
//! Some constants of the interface (`AF_*`, `SOCK_*`, `MSG_*`, `MNT_*`) stand only in
//! headers under `include/linux`, which no program outside the kernel can include.

/// Keeps preprocessor lines (but not includes and diagnostics) and the enumerations at the
/// outermost level, which lose their names. The guard against a second inclusion is
/// reset: the installed header of the same name has the same one.
pub(crate) fn extract(text: &str) -> String {
    let text = without_comments(text).replace("\\\n", " ");
    let mut reduced = Reduced::default();
    let first = text.lines().find_map(|line| line.trim_start().strip_prefix("#ifndef "));
    if let Some(guard) = first {
        reduced.directive(&format!("undef {}", guard.trim()));
    }
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(directive) = trimmed.strip_prefix('#') {
            reduced.directive(directive.trim_start());
        } else {
            line.chars().for_each(|c| reduced.code(c));
            reduced.code('\n');
        }
    }
    reduced.out
}

#[derive(Default)]
struct Reduced {
    out: String,
    /// Braces open around the current place.
    depth: usize,
    /// Code since the last end of a declaration, while outside of braces.
    head: String,
    in_enum: bool,
}

impl Reduced {
    fn directive(&mut self, directive: &str) {
        let dropped = ["include", "pragma", "error", "warning", "import"];
        if !dropped.iter().any(|word| directive.starts_with(word)) {
            if !self.out.is_empty() && !self.out.ends_with('\n') {
                self.out.push('\n');
            }
            self.out.push('#');
            self.out.push_str(directive);
            self.out.push('\n');
        }
    }

    fn code(&mut self, c: char) {
        match c {
            '{' => self.open(),
            '}' => self.close(),
            _ if self.in_enum => self.out.push(c),
            ';' if self.depth == 0 => self.head.clear(),
            _ if self.depth == 0 => self.head.push(c),
            _ => {}
        }
    }

    fn open(&mut self) {
        if self.depth == 0 {
            let mut words = self.head.split_whitespace();
            self.in_enum = words.next() == Some("enum") && words.count() <= 1;
            if self.in_enum {
                self.out.push_str("enum {");
            }
            self.head.clear();
        }
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            if self.in_enum {
                self.out.push_str("};\n");
            }
            self.in_enum = false;
            self.head.clear();
        }
    }
}

/// The text with each comment replaced by a space; line breaks inside comments stay.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c, chars.peek()) {
            (Some(_), '\\', _) => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            // No literal goes beyond its line; an apostrophe in a disabled block might.
            (Some(_), '\n', _) => quote = None,
            (Some(open), _, _) if open == c => quote = None,
            (None, '"' | '\'', _) => quote = Some(c),
            (None, '/', Some('/')) => {
                let _ = chars.by_ref().find(|&c| c == '\n');
                out.push('\n');
                continue;
            }
            (None, '/', Some('*')) => {
                chars.next();
                out.push(' ');
                let mut star = false;
                for c in chars.by_ref() {
                    if star && c == '/' {
                        break;
                    }
                    star = c == '*';
                    if c == '\n' {
                        out.push('\n');
                    }
                }
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_goes_and_constants_stay() {
        let text = "
#include <linux/nothing.h>
#ifndef OWN_TYPES /* why */
/** enum kind - { not code } */
enum kind {
	KIND_A\t= 1, // one
#ifdef MORE
	KIND_B = 2,
#endif
};
#endif
#define LONG_ONE \\
	(1 << 4)
struct thing { enum kind kind; int x; };
static inline int f(enum kind k) { if (k) { return 1; } return '{'; }
enum kind g(void);
#define LAST 'x'
";
        let flat: Vec<String> = extract(text)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(
            flat,
            [
                "#undef OWN_TYPES",
                "#ifndef OWN_TYPES",
                "enum {",
                "KIND_A = 1,",
                "#ifdef MORE",
                "KIND_B = 2,",
                "#endif",
                "};",
                "#endif",
                "#define LONG_ONE (1 << 4)",
                "#define LAST 'x'",
            ]
        );
    }

    #[test]
    fn comments_end_where_they_end() {
        assert_eq!(without_comments("a/*b\n*c*/d//e\nf\"/*g\"h"), "a \nd\nf\"/*g\"h");
        assert_eq!(without_comments("'\"' /**/ '\\'' //x"), "'\"'   '\\'' \n");
        assert_eq!(without_comments("/* open"), " ");
    }
}
