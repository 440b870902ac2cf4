//! What a change was: the word that its event keeps in the database.

/// Declares the kinds with their stored text, which never changes.
macro_rules! kinds {
    ($($kind:ident = $text:literal,)+) => {
        /// What happened. Kinds that this version does not know are [`EventKind::Other`]: a newer
        /// process on the same database may write them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($kind,)+
            Other,
        }

        impl EventKind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$kind,)+];

            /// As stored.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)+
                    Self::Other => "other",
                }
            }

            pub fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$kind,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    Installed = "installed",
    Login = "login",
    Logout = "logout",
    TokenCreated = "token created",
    TokenRevoked = "token revoked",
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
    Yank = "yank",
    Unyank = "unyank",
    ProjectStatus = "project status",
    FileDeleted = "delete file",
    ReleaseDeleted = "delete release",
    ProjectDeleted = "delete project",
    MirrorForgot = "mirror forgot",
    MirrorDroppedFile = "mirror dropped a file",
    RecipeStored = "recipe stored",
    RecipeDeleted = "recipe deleted",
    BuildAsked = "build asked",
    BuildAskedAgain = "build asked again",
    BuildCancelled = "build cancelled",
    BuildFailed = "build failed",
    MetadataAsked = "metadata asked",
    MetadataFailed = "metadata failed",
    Built = "built",
    PromisedMetadataServed = "promised metadata served",
    PromisedWheelServed = "promised wheel served",
    PromiseBroken = "promise broken",
}

impl EventKind {
    /// Whether an event that names no project may change users, groups, indexes or tokens in memory.
    /// Logins, new tokens and what builders are asked for are frequent and change none of them.
    pub fn changes_directory(self) -> bool {
        !matches!(
            self,
            Self::Login
                | Self::TokenCreated
                | Self::BuildAsked
                | Self::BuildAskedAgain
                | Self::BuildCancelled
                | Self::BuildFailed
                | Self::MetadataAsked
                | Self::MetadataFailed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_what_is_stored() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), *kind);
        }
        assert_eq!(EventKind::parse("from a newer version"), EventKind::Other);
        assert!(EventKind::Other.changes_directory(), "what is not known is looked at");
    }
}
