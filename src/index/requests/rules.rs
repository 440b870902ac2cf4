//! CurationRules of a curated index: a TOML document whose first rule that fits a release decides.

use super::facts::ReleaseFacts;
use super::time;
use crate::bad;
use crate::error::Result;
use crate::names::ProjectName;
use crate::packaging::requirement::Pattern;
use crate::tools::nearest::nearest;
use crate::tools::time::{Micros, SECOND};
use crate::words::Severity;
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};
use std::collections::HashSet;

/// Bytes of a document, and rules in it.
const LARGEST: usize = 1 << 20;
const MOST: usize = 200;

/// All that may stand in a rule.
const FIELDS: [&str; 13] = [
    "name", "decide", "reason", "expires", "projects", "min_age", "max_age", "yanked", "licences", "osv",
    "wheel", "attested", "popular",
];

/// The rules of an index.
#[derive(Debug)]
pub struct CurationRules {
    rules: Vec<Rule>,
    /// The most popular first.
    popular: Vec<ProjectName>,
}

/// One rule: it fits a release for which all of its conditions hold. What is not known holds for none.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub approves: bool,
    pub reason: String,
    /// Seconds.
    pub expires: Option<u64>,
    projects: Option<Vec<Pattern>>,
    min_age: Option<u64>,
    max_age: Option<u64>,
    yanked: Option<bool>,
    licences: Option<Vec<Licensee>>,
    advisories: Option<AdvisoryCondition>,
    wheel: Option<bool>,
    attested: Option<bool>,
    /// Among so many of the most popular projects.
    popular: Option<usize>,
}

/// What must be known of vulnerabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AdvisoryCondition {
    /// One that is so bad or worse.
    From(Severity),
    /// None that is so bad or worse.
    Below(Severity),
}

impl AdvisoryCondition {
    /// `none`, `any`, `high`, `below high`
    fn parse(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::From(Severity::Low)),
            "none" => Some(Self::Below(Severity::Low)),
            text => match text.strip_prefix("below ") {
                Some(severity) => Severity::parse(severity.trim()).map(Self::Below),
                None => Severity::parse(text).map(Self::From),
            },
        }
    }

    /// `worst`: of what is known; `None`: nothing is known.
    fn holds(self, worst: Option<Severity>) -> bool {
        match self {
            Self::From(severity) => worst >= Some(severity),
            Self::Below(severity) => worst < Some(severity),
        }
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    rule: Vec<toml::Table>,
    #[serde(default)]
    popular: Vec<String>,
}

#[derive(Deserialize)]
struct Written {
    name: String,
    decide: String,
    #[serde(default)]
    reason: String,
    expires: Option<String>,
    projects: Option<Vec<String>>,
    min_age: Option<String>,
    max_age: Option<String>,
    yanked: Option<bool>,
    licences: Option<Vec<String>>,
    osv: Option<String>,
    wheel: Option<bool>,
    attested: Option<bool>,
    popular: Option<usize>,
}

impl CurationRules {
    /// # Errors
    /// `Bad` with the rule, the field and what it may be.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LARGEST {
            return Err(bad!("the rules have more than {LARGEST} bytes"));
        }
        let whole: toml::Table = toml::from_str(text)
            .map_err(|error| bad!("the rules are not valid TOML: {}", first_line(&error)))?;
        check_fields(&whole, &["rule", "popular"], "the rules")?;
        let document: Document = whole.try_into().map_err(|error: toml::de::Error| {
            bad!("the rules cannot be read: {}. Write [[rule]] before each rule", first_line(&error))
        })?;
        if document.rule.len() > MOST {
            return Err(bad!("there are more than {MOST} rules"));
        }
        let popular = document.popular.iter().filter_map(|name| ProjectName::new(name)).collect();
        let mut names = HashSet::new();
        let mut rules = Vec::with_capacity(document.rule.len());
        for (number, table) in (1..).zip(document.rule) {
            let rule = Rule::read(number, table)?;
            if !names.insert(rule.name.clone()) {
                return Err(bad!("two rules are called '{}': give each its own name", rule.name));
            }
            rules.push(rule);
        }
        Ok(Self { rules, popular })
    }

    /// The first rule that fits.
    pub(super) fn decide(&self, facts: &ReleaseFacts, now: Micros) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.fits(facts, &self.popular, now))
    }

    /// Whether a licence must be known to decide.
    pub(super) fn ask_for_licences(&self) -> bool {
        self.rules.iter().any(|rule| rule.licences.is_some())
    }
}

impl Rule {
    fn read(number: usize, table: toml::Table) -> Result<Self> {
        let name = table.get("name").and_then(toml::Value::as_str).map(|name| format!(" ({name})"));
        let place = format!("rule {number}{}", name.unwrap_or_default());
        check_fields(&table, &FIELDS, &place)?;
        let written: Written =
            table.try_into().map_err(|error: toml::de::Error| bad!("{place}: {}", first_line(&error)))?;
        let seconds = |text: Option<String>, field: &str| {
            let read = text.as_deref().map(time).transpose();
            read.map_err(|error| bad!("{place}: {field}: {error}"))
        };
        let odd =
            |field: &str, value: &str, choices: &str| bad!("{place}: {field} = '{value}': write {choices}");
        if written.name.is_empty() || written.name.len() > 100 || written.name.chars().any(char::is_control) {
            return Err(bad!("{place}: the name must have 1 to 100 characters"));
        }
        let projects = written.projects.map(|texts| texts.iter().map(|text| Pattern::parse(text)).collect());
        let licences =
            written.licences.map(|texts| texts.into_iter().map(|text| licence(&place, &text)).collect());
        Ok(Self {
            approves: match written.decide.as_str() {
                "approve" => true,
                "refuse" => false,
                other => return Err(odd("decide", other, "approve or refuse")),
            },
            advisories: match written.osv.as_deref() {
                None => None,
                Some(text) => Some(AdvisoryCondition::parse(text).ok_or_else(|| {
                    let choices = "none, any, low, medium, high or critical (so bad or worse), or below high";
                    odd("osv", text, choices)
                })?),
            },
            reason: match written.reason.trim() {
                "" => format!("rule {}", written.name),
                reason => reason.to_owned(),
            },
            expires: seconds(written.expires, "expires")?,
            projects: projects.transpose().map_err(|error| bad!("{place}: projects: {error}"))?,
            min_age: seconds(written.min_age, "min_age")?,
            max_age: seconds(written.max_age, "max_age")?,
            licences: licences.transpose()?,
            yanked: written.yanked,
            wheel: written.wheel,
            attested: written.attested,
            popular: written.popular,
            name: written.name,
        })
    }

    fn fits(&self, facts: &ReleaseFacts, popular: &[ProjectName], now: Micros) -> bool {
        let age = facts.uploaded.map(|at| now.saturating_sub(at) / SECOND);
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        let seconds = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        let named = |pattern: &Pattern| pattern.matches(&facts.project, Some(&facts.version));
        self.projects.as_ref().is_none_or(|all| all.iter().any(named))
            && self.min_age.is_none_or(|limit| age.is_some_and(|age| age >= seconds(limit)))
            && self.max_age.is_none_or(|limit| age.is_some_and(|age| age < seconds(limit)))
            && is(self.yanked, facts.yanked)
            && is(self.wheel, facts.wheel)
            && is(self.attested, facts.attested)
            && self
                .advisories
                .is_none_or(|wanted| facts.worst_advisory.is_some_and(|worst| wanted.holds(worst)))
            && self.popular.is_none_or(|most| popular.iter().take(most).any(|name| *name == facts.project))
            && self.licences.as_ref().is_none_or(|allowed| satisfied(allowed, facts.licence.as_deref()))
    }
}

/// Whether a licence expression can be kept with these licences.
fn satisfied(allowed: &[Licensee], expression: Option<&str>) -> bool {
    let read = expression.and_then(|text| Expression::parse_mode(text, ParseMode::LAX).ok());
    read.is_some_and(|read| read.evaluate(|required| allowed.iter().any(|one| one.satisfies(required))))
}

fn licence(place: &str, text: &str) -> Result<Licensee> {
    Licensee::parse(text).map_err(|_| {
        bad!("{place}: licences: '{text}' is no SPDX licence: write them like MIT or Apache-2.0")
    })
}

fn check_fields(table: &toml::Table, known: &[&str], place: &str) -> Result<()> {
    let Some(odd) = table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let advice = match nearest(odd, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("the fields are {}", known.join(", ")),
    };
    Err(bad!("{place}: unknown field '{odd}': {advice}"))
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::version;

    const DAY: i64 = 86_400 * SECOND;

    fn facts() -> ReleaseFacts {
        ReleaseFacts {
            project: ProjectName::new("demo").unwrap(),
            version: version::parse("1.5").unwrap(),
            uploaded: Some(0),
            yanked: false,
            wheel: true,
            attested: false,
            licence: Some("MIT OR GPL-3.0-only".into()),
            worst_advisory: None,
        }
    }

    fn fits(conditions: &str) -> bool {
        let text =
            format!("popular = ['six', 'demo']\n[[rule]]\nname = 'r'\ndecide = 'approve'\n{conditions}");
        CurationRules::parse(&text).unwrap().decide(&facts(), 10 * DAY).is_some()
    }

    #[test]
    fn a_rule_fits_if_all_of_its_conditions_hold() {
        for holds in [
            "",
            "min_age = '7d'",
            "max_age = '11d'",
            "yanked = false\nwheel = true\nattested = false",
            "projects = ['six', 'de*<2']",
            "licences = ['MIT']",
            "licences = ['GPL-3.0-only', 'BSD-3-Clause']",
            "popular = 2",
        ] {
            assert!(fits(holds), "{holds}");
        }
        for not in [
            "min_age = '20d'",
            "max_age = '10d'",
            "yanked = true",
            "projects = ['demo>=2']",
            "licences = ['Apache-2.0']",
            "popular = 1",
            "osv = 'none'",
            "osv = 'any'",
            "wheel = true\nattested = true",
        ] {
            assert!(!fits(not), "{not}");
        }
    }

    #[test]
    fn a_rule_says_from_which_severity_on_a_finding_counts() {
        use Severity::{Critical, High, Low, Medium};
        let worst = [None, Some(Low), Some(Medium), Some(High), Some(Critical)];
        for (osv, holds) in [
            ("none", [true, false, false, false, false]),
            ("any", [false, true, true, true, true]),
            ("low", [false, true, true, true, true]),
            ("high", [false, false, false, true, true]),
            ("critical", [false, false, false, false, true]),
            ("below low", [true, false, false, false, false]),
            ("below high", [true, true, true, false, false]),
        ] {
            let text = format!("[[rule]]\nname='r'\ndecide='refuse'\nosv='{osv}'");
            let rules = CurationRules::parse(&text).unwrap();
            let fits = |worst| rules.decide(&ReleaseFacts { worst_advisory: worst, ..facts() }, 0).is_some();
            assert_eq!(worst.map(|worst| fits(Some(worst))), holds, "{osv}");
            assert!(!fits(None), "{osv}: nobody tells");
        }
        for odd in ["", "below", "below none", "High ", "7.5", "under high"] {
            assert_eq!(AdvisoryCondition::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_not_known_holds_for_no_rule() {
        let text = "[[rule]]\nname='a'\ndecide='approve'\nmin_age='1d'\n[[rule]]\nname='b'\ndecide='approve'\nlicences=['MIT']";
        let unknown = ReleaseFacts { uploaded: None, licence: Some("see LICENSE".into()), ..facts() };
        assert!(CurationRules::parse(text).unwrap().decide(&unknown, DAY).is_none());
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let text =
            "[[rule]]\nname='no'\ndecide='refuse'\nprojects=['demo']\n[[rule]]\nname='yes'\ndecide='approve'";
        let rules = CurationRules::parse(text).unwrap();
        let rule = rules.decide(&facts(), 0).unwrap();
        assert_eq!((rule.name.as_str(), rule.approves, rule.reason.as_str()), ("no", false, "rule no"));
    }

    #[test]
    fn a_mistake_is_named_with_the_way_out() {
        for (text, told) in [
            (
                "[[rule]]\nname='x'\ndecide='approve'\nmin_agee='1d'",
                "rule 1 (x): unknown field 'min_agee': did you mean 'min_age'?",
            ),
            ("[[rules]]\nname='x'", "the rules: unknown field 'rules': did you mean 'rule'?"),
            ("[[rule]]\nname='x'\ndecide='maybe'", "rule 1 (x): decide = 'maybe': write approve or refuse"),
            (
                "[[rule]]\nname='x'\ndecide='approve'\nosv='some'",
                "osv = 'some': write none, any, low, medium, high or critical",
            ),
            (
                "[[rule]]\nname='x'\ndecide='approve'\nmin_age='soon'",
                "rule 1 (x): min_age: 'soon' is not a time",
            ),
            ("[[rule]]\nname='x'\ndecide='approve'\nlicences=['My Own']", "'My Own' is no SPDX licence"),
            (
                "[[rule]]\nname='x'\ndecide='approve'\nprojects=['<2']",
                "rule 1 (x): projects: \"<2\" is not a valid pattern",
            ),
            ("[[rule]]\ndecide='approve'", "rule 1: missing field `name`"),
            (
                "[[rule]]\nname='x'\ndecide='approve'\n[[rule]]\nname='x'\ndecide='refuse'",
                "two rules are called 'x'",
            ),
            ("rule = 3", "Write [[rule]] before each rule"),
            ("[[rule", "not valid TOML"),
        ] {
            let error = CurationRules::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
