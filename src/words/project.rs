//! What an index says of projects and files.

use super::words;

words! {
    /// PEP 792.
    #[derive(Default)]
    ProjectStatus {
        #[default]
        Active = "active",
        Archived = "archived",
        Quarantined = "quarantined",
        Deprecated = "deprecated",
    }
}

words! {
    /// What a file is, as uploads name it.
    #[derive(Default)]
    FileKind {
        Sdist = "sdist",
        Wheel = "bdist_wheel",
        /// An egg or an installer, which mirrors may list; what this version does not know.
        #[default]
        Other = "other",
    }
}

words! {
    /// What stands beside the files of a release, as devpi names it.
    AttachmentKind {
        Documentation = "doczip",
        TestResult = "toxresult",
    }
}
