//! Command lines as documents have them: in blocks of code, and in the middle of a sentence.

use std::path::Path;

/// Words that a command line begins with. `python3`, `docker` and others stand in blocks with them, and are
/// part of their steps.
const PROGRAMS: [&str; 10] =
    ["wheelwright", "pip", "uv", "twine", "curl", "make", "devpi", "pip-reqs", "docker", "python3"];
/// Fences of blocks that may have commands; blocks in other languages are files.
const FENCES: [&str; 6] = ["", "sh", "console", "text", "bash", "shell"];

/// One command line, joined if it was broken.
#[derive(Clone, Debug)]
pub struct Command {
    /// `docs/how-to/build-wheels.md:13`
    pub place: String,
    /// The heading that it stands under.
    pub section: String,
    pub text: String,
    /// It stands in a sentence, and may be only the name of a command.
    pub is_inline: bool,
}

/// The program itself as a document.
pub const HELP: &str = "wheelwright --help";

/// All of a document, in order.
pub fn commands(document: &str) -> Vec<Command> {
    if document == HELP {
        return examples();
    }
    let text = text_of(document);
    let mut found = match document.ends_with(".md") {
        true => markdown(&text),
        false => block(&text.lines().enumerate().collect::<Vec<_>>(), ""),
    };
    for command in &mut found {
        command.place = format!("{document}:{}", command.place);
    }
    found
}

/// What `--help` has below `Examples:`, of every command.
fn examples() -> Vec<Command> {
    let of = |name: String| {
        let help = super::reference::help(&[&name]);
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        let lines: Vec<(usize, &str)> = lines.take_while(|line| line.starts_with("  ")).enumerate().collect();
        block(&lines, &name)
    };
    super::reference::subcommands(&super::reference::help(&[])).into_iter().flat_map(of).collect()
}

/// The first block of a language below a heading.
pub fn file_in(document: &str, section: &str, language: &str) -> String {
    let text = text_of(document);
    let below = text.lines().skip_while(|line| !(line.starts_with('#') && title(line) == section));
    let inside = below.skip_while(|line| *line != format!("```{language}")).skip(1);
    inside.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

pub fn text_of(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn title(line: &str) -> String {
    line.trim_start_matches('#').trim().to_owned()
}

fn markdown(text: &str) -> Vec<Command> {
    let (mut found, mut section) = (Vec::new(), String::new());
    let (mut fence, mut prose, mut code) = (None, Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => {
                found.extend(inline(&std::mem::take(&mut prose), &section));
                fence = Some(FENCES.contains(&language.trim()));
            }
            (Some(_), Some(is_shell)) => {
                let lines = std::mem::take(&mut code);
                found.extend(if is_shell { block(&lines, &section) } else { Vec::new() });
                fence = None;
            }
            (None, Some(_)) => code.push((number, line)),
            (None, None) if line.starts_with('#') => {
                found.extend(inline(&std::mem::take(&mut prose), &section));
                section = title(line);
            }
            (None, None) => prose.push((number, line)),
        }
    }
    assert!(fence.is_none(), "a block of code has no end");
    found.extend(inline(&prose, &section));
    found
}

fn is_command(text: &str) -> bool {
    let first = text.strip_prefix("$ ").unwrap_or(text).split_whitespace().next();
    first.is_some_and(|word| PROGRAMS.contains(&word))
}

/// All lines of a block, if one of them is a command: others (`cd`, `export`) are steps to it. In a shell
/// script's text only those that are one count.
fn block(lines: &[(usize, &str)], section: &str) -> Vec<Command> {
    let is_script = lines.first().is_some_and(|(_, line)| line.starts_with("#!"));
    if !lines.iter().any(|(_, line)| is_command(line)) {
        return Vec::new();
    }
    let mut found: Vec<Command> = Vec::new();
    let mut open = false;
    for (number, line) in lines {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        match found.last_mut().filter(|_| open) {
            Some(last) => last.text.push_str(&format!("\n{line}")),
            None if line.trim().is_empty() || is_script && line.starts_with('#') => continue,
            None if is_script && !line.contains("make run") && !is_command(line) => continue,
            None => {
                let line = line.find("make run").filter(|_| is_script).map_or(line, |at| &line[at..]);
                let (place, text) = ((number + 1).to_string(), line.trim().to_owned());
                found.push(Command { place, section: section.to_owned(), text, is_inline: false });
            }
        }
        let text = &found.last().expect("a command").text;
        open = text.ends_with('\\')
            || text.split(" #").next().is_some_and(|text| text.matches('\'').count() % 2 == 1);
    }
    found
}

/// Spans of code; one may go on in the next line.
fn inline(prose: &[(usize, &str)], section: &str) -> Vec<Command> {
    let mut found = Vec::new();
    let (mut span, mut begun): (Option<String>, usize) = (None, 0);
    for (number, line) in prose {
        if line.trim().is_empty() {
            span = None;
        }
        for (at, piece) in line.split('`').enumerate() {
            if at > 0 {
                match span.take() {
                    None => (span, begun) = (Some(String::new()), number + 1),
                    Some(text) if is_command(&text) && text.trim().contains(' ') => found.push(Command {
                        place: begun.to_string(),
                        section: section.to_owned(),
                        text: text.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\|", "|"),
                        is_inline: true,
                    }),
                    Some(_) => {}
                }
            }
            if let Some(text) = &mut span {
                text.push_str(piece);
            }
        }
        if let Some(text) = &mut span {
            text.push(' ');
        }
    }
    found
}

#[test]
fn commands_are_found_wherever_a_document_has_them() {
    let text = "# One\nCall `pip` or `wheelwright recipe show\n'a==1' --target x`, not `other run`.\n\n```\necho 'a\nb' > c  # it's\n\
                uv pip \\\n  sync c\n```\n\n## Two\n```toml\npip = 1\n```\n```\nGET /x\n```\n```sh\ncd x\n$ make run\n```\n";
    let found = markdown(text);
    let told: Vec<(&str, &str, &str)> =
        found.iter().map(|each| (each.section.as_str(), each.place.as_str(), each.text.as_str())).collect();
    let expected = [
        ("One", "2", "wheelwright recipe show 'a==1' --target x"),
        ("One", "6", "echo 'a\nb' > c  # it's"),
        ("One", "8", "uv pip \\\n  sync c"),
        ("Two", "20", "cd x"),
        ("Two", "21", "make run"),
    ];
    assert_eq!(told, expected);
    assert!(found[0].is_inline && !found[1].is_inline);
}
