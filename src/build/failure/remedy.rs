//! What to try next after a failure: older build requirements, by the failure's class.

use super::Class;
use crate::build::target::Target;

/// Build constraints for a second attempt; `None` if no constraint helps this class.
pub fn constraints_for(class: Class, target: &Target) -> Option<Vec<String>> {
    // Each Python's last setuptools is below these bounds already where it is older.
    let setuptools = |bound: &str| match target.python() {
        (2, _) => vec!["setuptools<45".to_owned()],
        _ => vec![format!("setuptools<{bound}")],
    };
    match class {
        Class::Use2to3 => Some(setuptools("58")),
        Class::SetuptoolsFeature => Some(setuptools("46")),
        Class::PkgResources => Some(setuptools("81")),
        Class::Distutils => Some([setuptools("60"), vec!["numpy<2".to_owned()]].concat()),
        Class::Cython3 => Some(vec!["Cython<3".to_owned()]),
        _ => None,
    }
}
