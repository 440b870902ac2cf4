//! The recipes that come with this program: the folder `recipes/` of its source.

macro_rules! shipped {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../recipes/", $name, ".toml")))
    };
}

/// Name and text.
pub(super) const ALL: &[(&str, &str)] = &[
    shipped!("anyjson"),
    shipped!("bitarray"),
    shipped!("demjson"),
    shipped!("future"),
    shipped!("jsmin"),
    shipped!("kerberos"),
    shipped!("markupsafe"),
    shipped!("mysqlclient"),
    shipped!("psycopg2"),
    shipped!("pyaudio"),
    shipped!("pybluez"),
    shipped!("pycairo"),
    shipped!("pycrypto"),
    shipped!("pylibmc"),
    shipped!("python-snappy"),
    shipped!("pyyaml"),
];
