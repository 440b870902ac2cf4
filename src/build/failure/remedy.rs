//! What to try next after a failure: older build requirements, by the failure's class.

use crate::build::target::Target;
use crate::words::Class;

/// Build constraints for a second attempt; `None` if no constraint helps this class on this Python.
pub fn constraints_for(class: Class, target: &Target) -> Option<Vec<String>> {
    let python = target.python();
    let setuptools = |bound: &str| match python {
        (2, _) => vec!["setuptools<45".to_owned()],
        _ => vec![format!("setuptools<{bound}")],
    };
    match class {
        // No setuptools before 66 runs on Python 3.12.
        Class::Use2to3 | Class::SetuptoolsFeature | Class::Distutils if python >= (3, 12) => None,
        Class::Use2to3 => Some(setuptools("58")),
        // None before 48 on 3.10.
        Class::SetuptoolsFeature if python >= (3, 10) => None,
        Class::SetuptoolsFeature => Some(setuptools("46")),
        Class::PkgResources => Some(setuptools("81")),
        Class::Distutils => Some([setuptools("60"), vec!["numpy<2".to_owned()]].concat()),
        Class::Cython3 => Some(vec!["Cython<3".to_owned()]),
        _ => None,
    }
}
