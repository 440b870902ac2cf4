//! What a build is for, where it stands, and how it is shut off.

use super::words;

words! {
    BuildState {
        /// Its source is on its way.
        Fetching = "fetching",
        Queued = "queued",
        /// Others must be built first.
        Blocked = "blocked",
        Running = "running",
        Built = "built",
        Failed = "failed",
    }
}

impl BuildState {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Built | Self::Failed)
    }
}

words! {
    /// What becomes of an answer that has an older version than was asked for, because the build of the newer one
    /// failed.
    #[derive(Default)]
    OlderVersions {
        #[default]
        Refuse = "refuse",
        Accept = "accept",
    }
}

words! {
    /// What became of builds that are published together.
    SetState {
        /// Some have not ended.
        Open = "open",
        /// Those that went well are published.
        Published = "published",
        /// Something failed, and nothing is published.
        Withheld = "withheld",
    }
}

words! {
    /// What a job is to bring.
    #[derive(Default)]
    Purpose {
        #[default]
        Wheel = "wheel",
        /// The METADATA that the wheel would have, by the backend's hook for that, and no wheel.
        Metadata = "metadata",
        /// What the project's tests come to, and no wheel for anybody.
        Test = "test",
    }
}

impl Purpose {
    /// What the build backend is asked for.
    pub const fn hook(self) -> &'static str {
        match self {
            Self::Wheel | Self::Test => Self::Wheel.name(),
            Self::Metadata => Self::Metadata.name(),
        }
    }
}

words! {
    /// The spans of time in which builds are counted.
    #[derive(Default)]
    StatisticsPeriod {
        #[default]
        Day = "day",
        Week = "week",
        Month = "month",
    }
}

words! {
    /// The steps of a build, in order; shown while it runs and when it fails.
    Step {
        Fetch = "fetch",
        Unpack = "unpack",
        Environment = "environment",
        Build = "build",
        Collect = "collect",
        Repair = "repair",
        Check = "check",
        Test = "test",
        Report = "report",
    }
}

words! {
    /// Which system packages builds get.
    #[derive(Default)]
    SystemPackages {
        /// Those of recipes, and those that a failed build turns out to miss.
        #[default]
        Auto = "auto",
        /// Those of recipes alone.
        Recipes = "recipes",
    }
}

words! {
    /// How foreign code is shut off.
    #[derive(Default)]
    Isolation {
        /// Namespaces and a system call filter, by `bwrap`.
        #[default]
        Bubblewrap = "bubblewrap",
        /// Nothing: a build can read and change whatever the worker can. Only limits hold.
        None = "none",
    }
}
