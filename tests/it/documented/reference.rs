//! The table of commands in the reference, against what the program itself says.

use super::extract::text_of;
use std::collections::BTreeSet;
use std::process::Command;

pub fn help(command: &[&str]) -> String {
    let told = Command::new(env!("CARGO_BIN_EXE_wheelwright")).args(command).arg("--help").output();
    let told = told.expect("it starts");
    assert!(told.status.success(), "wheelwright {command:?} --help: {told:?}");
    String::from_utf8_lossy(&told.stdout).into_owned()
}

/// The names below `Commands:`.
pub fn subcommands(help: &str) -> BTreeSet<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

/// The options that a text names, `--like-this`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn the_table_of_commands_is_the_programs() {
    let text = text_of("docs/reference/commands.md");
    let rows = text.lines().skip_while(|line| *line != "| command | does |").skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with("| `")).collect();
    let mut told = BTreeSet::new();
    for row in rows {
        let synopsis = row.split('`').nth(1).expect("a command").replace("\\|", "|");
        let mut words = synopsis.split(' ');
        let command = words.next().expect("a name");
        told.insert(command.to_owned());
        let whole = help(&[command]);
        let below = subcommands(&whole);
        let mut known = whole;
        if !below.is_empty() {
            let named: BTreeSet<String> =
                words.next().expect("its commands").split('|').map(str::to_owned).collect();
            assert_eq!(named, below, "{command}");
            below.iter().for_each(|each| known.push_str(&help(&[command, each])));
        }
        // `build` ends by itself: `serve` or a server's options stand in the same row.
        for option in options(row) {
            assert!(options(&known).contains(&option), "wheelwright {command} has no {option}");
        }
    }
    assert_eq!(told, subcommands(&help(&[])));
}
