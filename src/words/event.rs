//! What a change was: the word that its event keeps in the database.

use super::words;

words! {
    /// What happened.
    #[derive(Default)]
    EventKind {
        Installed = "installed",
        Login = "login",
        Logout = "logout",
        TokenCreated = "token created",
        TokenRevoked = "token revoked",
        /// It ends soon.
        TokenEnding = "token ending",
        SessionsEnded = "sessions ended",
        UserCreated = "user created",
        UserChanged = "user changed",
        UserDeleted = "user deleted",
        UserDisabled = "user disabled",
        UserEnabled = "user enabled",
        GroupJoined = "group joined",
        GroupLeft = "group left",
        RoleGiven = "role given",
        RoleTaken = "role taken",
        IndexCreated = "index created",
        IndexChanged = "index changed",
        IndexDeleted = "index deleted",
        Upload = "upload",
        Register = "register",
        Push = "push",
        Documentation = "documentation",
        TestResult = "test result",
        /// By `wheelwright import`, from another server.
        Imported = "imported",
        /// A whole bundle, by `wheelwright bundle import`.
        BundleImported = "bundle imported",
        /// Taken from the primary by a replica.
        Replicated = "replicated",
        Yank = "yank",
        Unyank = "unyank",
        ProjectStatus = "project status",
        FileDeleted = "delete file",
        ReleaseDeleted = "delete release",
        ProjectDeleted = "delete project",
        /// Of a project, or of some of its versions.
        Quarantined = "quarantined",
        QuarantineReleased = "quarantine released",
        MirrorForgot = "mirror forgot",
        MirrorDroppedFile = "mirror dropped a file",
        RecipeStored = "recipe stored",
        RecipeDeleted = "recipe deleted",
        LearnedForgotten = "learned forgotten",
        BuildAsked = "build asked",
        BuildAskedAgain = "build asked again",
        BuildCancelled = "build cancelled",
        BuildFailed = "build failed",
        MetadataAsked = "metadata asked",
        MetadataFailed = "metadata failed",
        Built = "built",
        RebuildPublished = "rebuild published",
        PromisedMetadataServed = "promised metadata served",
        PromisedWheelServed = "promised wheel served",
        PromiseBroken = "promise broken",
        /// A lock file is watched, or its new content.
        LockWatched = "lock watched",
        LockRemoved = "lock removed",
        WebhookAdded = "webhook added",
        WebhookRemoved = "webhook removed",
        WatchAdded = "watch added",
        WatchRemoved = "watch removed",
        /// All wheels of a watched tag, together.
        ReleasePublished = "release published",
        ReleaseFailed = "release failed",
        TagMoved = "tag moved",
        RepositoryUnreachable = "repository unreachable",
        /// Somebody asked for what a curated index does not list.
        RequestMade = "request made",
        Approved = "approved",
        Refused = "refused",
        RulesChanged = "rules changed",
        PublisherAdded = "publisher added",
        PublisherRemoved = "publisher removed",
        /// A list of releases that are to have wheels.
        ReadinessListed = "readiness listed",
        /// A source that an account sent to have it built.
        SourceUploaded = "source uploaded",
        /// The oldest events were removed.
        AuditTrimmed = "audit trimmed",
        /// A kind that this version does not know: a newer process on the same database may write it.
        #[default]
        Other = "other",
    }
}

impl EventKind {
    /// Whether an event that names no project may change users, groups, indexes or tokens in memory.
    /// Logins, new tokens and what builders are asked for are frequent and change none of them.
    pub fn changes_directory(self) -> bool {
        !matches!(
            self,
            Self::Login
                | Self::TokenCreated
                | Self::TokenEnding
                | Self::BuildAsked
                | Self::BuildAskedAgain
                | Self::BuildCancelled
                | Self::BuildFailed
                | Self::RebuildPublished
                | Self::MetadataAsked
                | Self::MetadataFailed
                | Self::LockWatched
                | Self::LockRemoved
                | Self::WebhookAdded
                | Self::WebhookRemoved
                | Self::WatchAdded
                | Self::WatchRemoved
                | Self::ReleasePublished
                | Self::ReleaseFailed
                | Self::TagMoved
                | Self::RepositoryUnreachable
                | Self::RulesChanged
                | Self::PublisherAdded
                | Self::BundleImported
                | Self::ReadinessListed
                | Self::SourceUploaded
                | Self::AuditTrimmed
        )
    }

    /// Whether an event may change the directory although it names a project.
    pub fn is_of_quarantine(self) -> bool {
        matches!(self, Self::Quarantined | Self::QuarantineReleased)
    }
}
