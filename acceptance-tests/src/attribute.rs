//! From a place in a configuration to the attribute that stands there.
//!
//! Terraform's JSON diagnostics give a byte range, not the attribute path that the provider sent; core turned the path
//! into that range. This goes back, so that a test can say which attribute was blamed.

/// The path of the attribute whose value (or name) starts at `byte` in `text`: `memory`, `local.directory`,
/// `artifacts[1].sha256`. Empty when the place belongs to no attribute, such as a block's header.
pub fn at(text: &str, byte: usize) -> String {
    let mut reader = Reader::default();
    let mut rest = text.char_indices().peekable();
    while let Some((index, c)) = rest.next() {
        // The place may be the name itself: then the name must be read to its end first.
        if index >= byte && !(c.is_alphanumeric() || c == '_' || c == '-') {
            if index > byte && reader.value.is_none() && !reader.stack.is_empty() {
                reader.value = reader.take_word();
            }
            break;
        }
        match c {
            '#' => skip_line(&mut rest),
            '/' if rest.peek().is_some_and(|(_, next)| *next == '/') => skip_line(&mut rest),
            '"' => {
                let string = read_string(&mut rest);
                if index < byte {
                    reader.string(string);
                }
            }
            _ => reader.character(c),
        }
        if index >= byte && reader.value.is_some() {
            break;
        }
    }
    reader.path()
}

#[derive(Default)]
struct Reader {
    /// One entry for each open bracket.
    stack: Vec<Level>,
    /// The word that is being read, or was read last.
    word: String,
    /// A gap came after the word.
    word_ended: bool,
    /// The name of the attribute whose value is being read.
    value: Option<String>,
}

enum Level {
    /// The braces of a block at the top of the file: they add nothing to a path.
    Block,
    /// An object, or a nested block: the name that it stands under.
    Object(String),
    /// A list: the name that it stands under, and how many elements were passed.
    List(String, usize),
}

impl Reader {
    fn character(&mut self, c: char) {
        match c {
            '=' | ':' => self.value = self.take_word(),
            '{' | '[' => self.open(c),
            '}' | ']' => {
                self.stack.pop();
                self.forget();
            }
            ',' => {
                if let Some(Level::List(_, passed)) = self.stack.last_mut() {
                    *passed += 1;
                }
                self.forget();
            }
            '\n' => self.forget(),
            c if c.is_whitespace() => self.word_ended = true,
            c => self.letter(c),
        }
    }

    fn letter(&mut self, c: char) {
        if self.word_ended {
            self.word.clear();
            self.word_ended = false;
        }
        self.word.push(c);
    }

    /// A quoted key counts as a word; a block's label does, too, and is forgotten at the brace.
    fn string(&mut self, text: String) {
        if self.value.is_none() && !self.stack.is_empty() {
            self.word = text;
            self.word_ended = true;
        }
    }

    fn open(&mut self, c: char) {
        let name = self.value.take().or_else(|| self.take_word()).unwrap_or_default();
        let level = match (c, self.stack.is_empty()) {
            ('{', true) => Level::Block,
            ('{', false) => Level::Object(name),
            _ => Level::List(name, 0),
        };
        self.stack.push(level);
        self.forget();
    }

    fn take_word(&mut self) -> Option<String> {
        let word = std::mem::take(&mut self.word);
        self.word_ended = false;
        (!word.is_empty()).then_some(word)
    }

    fn forget(&mut self) {
        self.word.clear();
        self.word_ended = false;
        self.value = None;
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.stack {
            match level {
                Level::Block => {}
                Level::Object(name) => push(&mut path, name),
                Level::List(name, index) => {
                    push(&mut path, name);
                    path += &format!("[{index}]");
                }
            }
        }
        if let Some(name) = &self.value {
            push(&mut path, name);
        }
        path
    }
}

fn push(path: &mut String, name: &str) {
    if !path.is_empty() && !name.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

type Rest<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn skip_line(rest: &mut Rest<'_>) {
    while rest.peek().is_some_and(|(_, c)| *c != '\n') {
        rest.next();
    }
}

/// The rest of a string whose opening quote was read.
fn read_string(rest: &mut Rest<'_>) -> String {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        match c {
            '"' => break,
            '\\' => text.extend(rest.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# memory = "not this"
provider "justmanage" {
  artifacts = [
    { directory = "/a" },
    { url = "u", sha256 = "WRONG" },
  ]
}
resource "justmanage_redis_cluster" "cache" {
  name   = "NAME" // a { comment
  config = { "maxmemory-policy" = "POLICY", "x" = "}" }
  shards = -7
  local  = { directory = "DIR" }
  timeouts {
    create = "SOON"
  }
  memory = "MEMORY"
}
"#;

    #[test]
    fn places_have_attributes() {
        for (place, path) in [
            ("\"WRONG\"", "artifacts[1].sha256"),
            ("\"/a\"", "artifacts[0].directory"),
            ("\"NAME\"", "name"),
            ("\"POLICY\"", "config.maxmemory-policy"),
            ("{ directory = \"DIR", "local"),
            ("\"DIR\"", "local.directory"),
            ("-7", "shards"),
            ("\"SOON\"", "timeouts.create"),
            ("\"MEMORY\"", "memory"),
            ("memory = \"MEMORY\"", "memory"),
            ("resource \"just", ""),
        ] {
            let byte = TEXT.find(place).unwrap();
            assert_eq!(at(TEXT, byte), path, "{place}");
        }
    }
}
