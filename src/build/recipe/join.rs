//! One recipe and what was found besides: both together are what an attempt follows.

use super::{Recipe, RecipeBuild};

impl Recipe {
    /// What an attempt with this beside the plain way, or beside a recipe, did otherwise; for people.
    pub fn strategy(&self, has_recipe: bool) -> String {
        let build = &self.build;
        let listed =
            |what: &str, all: &[String]| (!all.is_empty()).then(|| format!("{what}: {}", all.join(" ")));
        let env: Vec<String> = build.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let words: Vec<String> = [
            has_recipe.then(|| "recipe".to_owned()),
            listed("system packages", &self.packages),
            listed("added", &build.requires),
            listed("left out", &build.without),
            listed("constraints", &build.constraints),
            listed("environment", &env),
            build.regenerate.as_ref().map(|generator| format!("generated files again with {generator}")),
            build.adjust_c_api.then(|| "C sources adjusted to this Python".to_owned()),
            build.script.then(|| "setup.py as a program".to_owned()),
            build.as_of.as_ref().map(|day| format!("as of {day}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if words.is_empty() { "plain".to_owned() } else { words.join(", ") }
    }

    /// The part that follows from the source and not from the interpreter.
    #[must_use]
    pub fn of_the_source(self) -> Self {
        let RecipeBuild { requires, env, .. } = self.build;
        Self {
            packages: self.packages,
            build: RecipeBuild { requires, env, ..RecipeBuild::default() },
            ..Self::default()
        }
    }

    /// With all that `found` says beside it: lists grow, single values are replaced.
    #[must_use]
    pub fn with(&self, found: &Self) -> Self {
        let mut both = self.clone();
        add(&mut both.packages, &found.packages);
        both.build = both.build.with(&found.build);
        both
    }
}

impl RecipeBuild {
    fn with(mut self, found: &Self) -> Self {
        add(&mut self.requires, &found.requires);
        add(&mut self.without, &found.without);
        add(&mut self.constraints, &found.constraints);
        self.env.extend(found.env.clone());
        self.script |= found.script;
        self.adjust_c_api |= found.adjust_c_api;
        self.as_of = found.as_of.clone().or(self.as_of);
        self.regenerate = found.regenerate.clone().or(self.regenerate);
        self
    }
}

fn add(all: &mut Vec<String>, more: &[String]) {
    for each in more {
        if !all.contains(each) {
            all.push(each.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_says_what_was_done() {
        assert_eq!(Recipe::default().strategy(false), "plain");
        assert_eq!(Recipe::default().strategy(true), "recipe");
        let mut found = Recipe::default();
        found.build.constraints.push("setuptools<58".to_owned());
        assert_eq!(found.strategy(false), "constraints: setuptools<58");
        found.packages.push("libffi-dev".to_owned());
        found.build.as_of = Some("2019-05-01".to_owned());
        assert_eq!(
            found.strategy(true),
            "recipe, system packages: libffi-dev, constraints: setuptools<58, as of 2019-05-01"
        );
    }

    #[test]
    fn lists_grow_and_single_values_are_replaced() {
        let recipe = |text: &str| serde_json::from_str::<Recipe>(text).unwrap();
        let given = recipe(r#"{"packages": ["a"], "build": {"requires": ["x"], "regenerate": "swig"}}"#);
        let found = recipe(r#"{"packages": ["a", "b"], "build": {"regenerate": "Cython<3"}}"#);
        let both =
            recipe(r#"{"packages": ["a", "b"], "build": {"requires": ["x"], "regenerate": "Cython<3"}}"#);
        assert_eq!(given.with(&found), both);
    }
}
