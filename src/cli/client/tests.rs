//! Addresses, input files and what is made of them.

use super::*;

#[test]
fn an_address_is_told_from_its_parts() {
    let whole = Address::parse("http://al:pw@h.example:3141/under/v1/alice.dev+pypi/cp312-linux/").unwrap();
    assert_eq!(whole.root.as_str(), "http://al:pw@h.example:3141/under/");
    assert_eq!(whole.place(), "v1/alice.dev+pypi/cp312-linux");
    assert_eq!(whole.public_simple(), "http://h.example:3141/under/v1/alice.dev+pypi/cp312-linux/+simple/");
    let pages = Address::parse("http://h.example/v1/pypi/auto/+simple/").unwrap();
    assert_eq!(pages.place(), "v1/pypi/auto");
    for wrong in
        ["", "h.example/v1/a/b", "http://h.example/simple/", "http://h.example/v1/pypi/", "ftp://h/v1/a/b/"]
    {
        let said = Address::parse(wrong).unwrap_err().to_string();
        assert!(said.contains("/v1/INDEXES/TARGET/"), "{said}");
    }
}

#[test]
fn flags_go_before_the_variable_and_change_its_parts() {
    let address = |through: &Through, variable: Option<&str>| {
        let address = through.address(variable.map(str::to_owned)).unwrap();
        format!("{}{}", address.root, address.place())
    };
    let plain = Through::default();
    assert_eq!(address(&plain, None), "http://127.0.0.1:3141/v1/pypi/auto");
    assert_eq!(address(&plain, Some("")), "http://127.0.0.1:3141/v1/pypi/auto");
    let variable = Some("http://h.example/v1/a.b/cp27/");
    assert_eq!(address(&plain, variable), "http://h.example/v1/a.b/cp27");
    let target = Through { target: Some("cp313".into()), ..Through::default() };
    assert_eq!(address(&target, variable), "http://h.example/v1/a.b/cp313");
    let indexes = Through { indexes: vec!["alice/dev".into(), "pypi".into()], ..Through::default() };
    assert_eq!(address(&indexes, variable), "http://h.example/v1/alice.dev+pypi/cp27");
    let server = Through { server: Some("http://other.example/".into()), ..Through::default() };
    assert_eq!(address(&server, variable), "http://other.example/v1/pypi/auto");
    let said = plain.address(Some("nonsense".into())).unwrap_err().to_string();
    assert!(said.starts_with("WHEELSPROXY_URL: "), "{said}");
}
