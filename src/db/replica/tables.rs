//! The tables that a replica copies.

/// A table that is copied. All its keys are texts.
#[derive(Debug)]
pub(super) struct ReplicatedTable {
    pub name: &'static str,
    /// Columns with texts; the first ones are the key.
    pub texts: &'static str,
    /// How many they are.
    pub key: usize,
    /// Columns with numbers.
    pub numbers: &'static str,
    /// Of a project's tables: the column with the project's name.
    pub project: &'static str,
}

/// Accounts, indexes and tokens; each after those that it refers to.
pub(super) const DIRECTORY: &[ReplicatedTable] = &[
    ReplicatedTable {
        name: "account",
        texts: "name password_hash profile source subject",
        key: 1,
        numbers: "created_at modified_at disabled_at",
        project: "",
    },
    ReplicatedTable {
        name: "membership",
        texts: "group_name account source",
        key: 2,
        numbers: "",
        project: "",
    },
    ReplicatedTable { name: "role", texts: "role_name account", key: 2, numbers: "", project: "" },
    ReplicatedTable {
        name: "namespace",
        texts: "name owner options",
        key: 1,
        numbers: "created_at",
        project: "",
    },
    ReplicatedTable {
        name: "publisher",
        texts: "id index_name project issuer claims created_by",
        key: 1,
        numbers: "by_operator created_at",
        project: "",
    },
    ReplicatedTable {
        name: "token",
        texts: "id owner kind name secret_sha256 scope publisher",
        key: 1,
        numbers: "created_at expires_at revoked_at last_used_at told_at",
        project: "",
    },
    ReplicatedTable {
        name: "quarantine",
        texts: "id index_name project specifier why placed_by released_by",
        key: 1,
        numbers: "placed_at released_at",
        project: "",
    },
    ReplicatedTable { name: "used_account", texts: "name", key: 1, numbers: "", project: "" },
];

/// What one project of a stage has; each after those that it refers to.
pub(super) const PROJECT: &[ReplicatedTable] = &[
    ReplicatedTable {
        name: "project",
        texts: "index_name name spelling status status_reason",
        key: 2,
        numbers: "serial",
        project: "name",
    },
    ReplicatedTable {
        name: "release",
        texts: "index_name project version metadata yanked_reason",
        key: 3,
        numbers: "created_at yanked_at",
        project: "project",
    },
    ReplicatedTable {
        name: "requirement",
        texts: "index_name project version requires",
        key: 4,
        numbers: "",
        project: "project",
    },
    ReplicatedTable {
        name: "file",
        texts: "index_name filename project version kind url sha256 md5 blake2_256 requires_python metadata_sha256 \
                attestations uploader identity history",
        key: 2,
        numbers: "size uploaded_at deleted_at hash_computed_at",
        project: "project",
    },
    ReplicatedTable {
        name: "attachment",
        texts: "index_name name project version kind about sha256 uploader history",
        key: 2,
        numbers: "size passed uploaded_at",
        project: "project",
    },
    ReplicatedTable {
        name: "built_file",
        texts: "index_name filename project version source_filename source_sha256 wheel_sha256 doubts",
        key: 2,
        numbers: "build fence created_at",
        project: "project",
    },
    ReplicatedTable {
        name: "used_file",
        texts: "index_name target filename project identity sha256",
        key: 3,
        numbers: "",
        project: "project",
    },
];
