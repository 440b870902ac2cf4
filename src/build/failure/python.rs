//! What Python's own exceptions tell: source for another version, modules that are gone.

use super::log::is_repetition;
use crate::words::Class;

/// Modules and names that only Python 2 has.
const ONLY_2: &[&str] = &[
    "ConfigParser",
    "StringIO",
    "cStringIO",
    "cPickle",
    "commands",
    "Queue",
    "__builtin__",
    "urllib2",
    "urlparse",
    "httplib",
    "Cookie",
    "cookielib",
    "HTMLParser",
    "Tkinter",
    "thread",
    "copy_reg",
    "exceptions",
    "sets",
    "md5",
    "sha",
    "htmlentitydefs",
    "basestring",
    "unicode",
    "raw_input",
    "xrange",
    "unichr",
    "execfile",
    "reduce",
    "long",
    "file",
    "cmp",
    "iteritems",
    "has_key",
    "iterkeys",
    "itervalues",
    "getcwdu",
    "maketrans",
    "letters",
    "uppercase",
    "lowercase",
    "xreadlines",
    "sys.maxint",
    "maxint",
    "urlencode",
    "urlopen",
    "urlretrieve",
    "izip",
    "imap",
    "ifilter",
    "ClassType",
    "StringType",
    "ListType",
];
/// Modules and names that came with Python 3, or one of its later versions.
const ONLY_NEWER: &[&str] = &[
    "pathlib",
    "configparser",
    "tomllib",
    "dataclasses",
    "typing",
    "enum",
    "zoneinfo",
    "asyncio",
    "graphlib",
    "nullcontext",
    "contextvars",
    "metadata",
    "resources",
    "annotations",
    "request",
    "parse",
    "builtins",
    "queue",
    "Literal",
    "Protocol",
    "TypedDict",
    "Final",
    "cached_property",
    "ExitStack",
    "suppress",
    "redirect_stdout",
    "lru_cache",
    "singledispatch",
    "machinery",
    "util",
    "secrets",
    "ParamSpec",
    "TypeAlias",
    "tokenize",
    "SimpleNamespace",
    "removeprefix",
    "removesuffix",
    "monotonic",
    "FileNotFoundError",
    "ModuleNotFoundError",
    "isidentifier",
    "isascii",
    "exist_ok",
    "encoding",
    "capture_output",
    "text",
];
/// What the standard library lost, and when.
const GONE: &[(&str, &str)] = &[
    ("imp", "3.12"),
    ("asyncore", "3.12"),
    ("asynchat", "3.12"),
    ("smtpd", "3.12"),
    ("ImpImporter", "3.12"),
    ("SafeConfigParser", "3.12"),
    ("readfp", "3.12"),
    ("getargspec", "3.11"),
    ("formatargspec", "3.11"),
    ("findCaller", "3.12"),
    ("MutableMapping", "3.10"),
    ("Mapping", "3.10"),
    ("Callable", "3.10"),
    ("Iterable", "3.10"),
    ("MutableSet", "3.10"),
    ("Sequence", "3.10"),
    ("Sized", "3.10"),
    ("Hashable", "3.10"),
    ("gcd", "3.9"),
    ("linux_distribution", "3.8"),
    ("dist", "3.8"),
    ("formatter", "3.10"),
    ("parser", "3.10"),
    ("symbol", "3.10"),
    ("binhex", "3.11"),
    ("pipes", "3.13"),
    ("cgi", "3.13"),
    ("cgitb", "3.13"),
    ("crypt", "3.13"),
    ("telnetlib", "3.13"),
    ("imghdr", "3.13"),
    ("sndhdr", "3.13"),
    ("uu", "3.13"),
    ("lib2to3", "3.13"),
    ("audioop", "3.13"),
    ("aifc", "3.13"),
    ("chunk", "3.13"),
    ("nntplib", "3.13"),
    ("xdrlib", "3.13"),
    ("mailcap", "3.13"),
    ("msilib", "3.13"),
    ("nis", "3.13"),
    ("ossaudiodev", "3.13"),
    ("spwd", "3.13"),
    ("sunau", "3.13"),
    ("isAlive", "3.9"),
    ("getchildren", "3.9"),
    ("getiterator", "3.9"),
    ("tostring", "3.9"),
    ("find_loader", "3.12"),
    ("Str", "3.12"),
    ("Num", "3.12"),
    ("NameConstant", "3.12"),
    ("clock", "3.8"),
    ("coroutine", "3.11"),
    ("assertEquals", "3.12"),
];

/// What the last exception tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Raised {
    pub class: Class,
    pub line: String,
    /// What to say of it, if more than the class says.
    pub about: Option<String>,
}

/// The last exception of a log; those before it were often caught.
pub fn last(lines: &[&str]) -> Option<Raised> {
    let at = lines.iter().rposition(|line| is_exception(line) && !is_repetition(line))?;
    let line = lines.get(at)?.trim();
    let before = lines.get(at.saturating_sub(4)..at).unwrap_or_default();
    let (name, text) = line.split_once(": ").unwrap_or((line, ""));
    let said = |class, about: Option<String>| Some(Raised { class, line: line.to_owned(), about });
    match name.rsplit('.').next().unwrap_or(name) {
        "SyntaxError" | "TabError" | "IndentationError" => said(syntax(name, text, before), None),
        "ImportError" | "ModuleNotFoundError" | "NameError" | "AttributeError" | "TypeError" => {
            let word = |word: &str| has_word(text, word);
            if let Some((gone, since)) = GONE.iter().find(|(gone, _)| names(text, gone)) {
                return said(Class::RemovedApi, Some(format!("{gone} does not exist since Python {since}")));
            }
            match () {
                () if ONLY_2.iter().any(|name| names(text, name)) => said(Class::Python2Syntax, None),
                () if ONLY_NEWER.iter().any(|name| names(text, name)) => said(Class::RequiresPython, None),
                () if word("decode") && text.contains("'str' object") => said(Class::Python2Syntax, None),
                () if name.ends_with("ModuleNotFoundError") || text.starts_with("No module named") => {
                    let module = text.trim_start_matches("No module named").trim().trim_matches(['\'', '"']);
                    let module = module.split('\'').next().unwrap_or(module);
                    said(
                        Class::BuildRequirement,
                        Some(format!(
                            "the build imports {module} without declaring it as a build requirement"
                        )),
                    )
                }
                () => said(Class::Other, None),
            }
        }
        "MemoryError" => said(Class::Memory, None),
        _ => said(Class::Other, None),
    }
}

/// The module whose absence ended the build: that of the last exception.
pub fn absent_module(lines: &[&str]) -> Option<String> {
    let line = lines.iter().rev().find(|line| is_exception(line) && !is_repetition(line))?;
    let (_, text) = line.split_once("No module named")?;
    let module = text.trim().trim_matches(['\'', '"']);
    let module = module.split(['\'', '"', ';', ' ', ',']).next().unwrap_or(module);
    Some(module.to_owned()).filter(|module| !module.is_empty())
}

/// `SomeError: text`, `package.module.SomeError`, at the begin of a line.
fn is_exception(line: &str) -> bool {
    let line = line.trim();
    let name = line.split([':', ' ']).next().unwrap_or_default();
    let last = name.rsplit('.').next().unwrap_or_default();
    let known = ["Error", "Exception", "Exit", "NotFound", "Failed", "Interrupt", "Failure"];
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    fits && last.starts_with(|c: char| c.is_ascii_uppercase())
        && known.iter().any(|known| last.ends_with(known))
        && !line.ends_with("warning")
        && (line.contains(": ") || line.len() == name.len())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|part| part == word)
}

/// Whether this is the name that is missing: quoted, or (2.7, 3.5) the last word.
fn names(text: &str, name: &str) -> bool {
    let quoted =
        text.split('\'').skip(1).step_by(2).any(|part| part == name || part.rsplit('.').next() == Some(name));
    quoted || text.ends_with(&format!(" {name}"))
}

/// Whether the source is Python 2, or too new for the interpreter that reads it.
fn syntax(name: &str, text: &str, before: &[&str]) -> Class {
    let only_2 = [
        "Missing parentheses in call to",
        "leading zeros in decimal",
        "multiple exception types must be parenthesized",
        "inconsistent use of tabs",
        "invalid token",
        "invalid octal",
        "(unicode error)",
    ];
    if name.ends_with("TabError") || only_2.iter().any(|said| text.contains(said)) {
        return Class::Python2Syntax;
    }
    let code = before.iter().any(|line| {
        let line = line.trim();
        let prints = line.strip_prefix("print ").is_some_and(|rest| !rest.starts_with(['(', '=']));
        let comma = line.starts_with("except ")
            && line.contains(", ")
            && line.ends_with(':')
            && !line.contains(" as ");
        let comma = comma && !line.contains('(');
        let raises = line.starts_with("raise ") && line.contains(", \"") && !line.contains('(');
        prints
            || comma
            || raises
            || line.starts_with("exec \"")
            || line.contains("<>")
            || line.contains("ur'")
    });
    if code { Class::Python2Syntax } else { Class::RequiresPython }
}
