//! Calls as Python writes them, and calls that are wrong.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn call(params: &str) -> Result<Call> {
    let text = format!(
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>search</methodName>\n<params>{params}</params></methodCall>"
    );
    read(text.as_bytes())
}

/// As `xmlrpc.client` writes them.
#[test]
fn values_of_every_type_are_read() {
    for (xml, value) in [
        ("<value><string>a &lt;b&gt; &#233;&#x41; <![CDATA[<c>]]></string></value>", json!("a <b> éA <c>")),
        ("<value>plain</value>", json!("plain")),
        ("<value></value>", json!("")),
        ("<value><string/></value>", json!("")),
        ("<value><int>-7</int></value>", json!(-7)),
        ("<value><i4> 7 </i4></value>", json!(7)),
        ("<value><boolean>1</boolean></value>", json!(true)),
        ("<value><double>1.5</double></value>", json!(1.5)),
        ("<value><nil/></value>", Value::Null),
        (
            "<value><array><data>\n<value><int>1</int></value>\n<value>x</value>\n</data></array></value>",
            json!([1, "x"]),
        ),
        (
            "<value><struct><member><name>name</name><value><array><data/></array></value></member></struct></value>",
            json!({"name": []}),
        ),
    ] {
        let read =
            call(&format!("<param>\n{xml}\n</param><!-- c --><param><value>and</value></param>")).unwrap();
        assert_eq!((read.method.as_str(), read.params), ("search", vec![value, json!("and")]), "{xml}");
    }
}

#[test]
fn what_is_no_call_is_refused_with_a_reason() {
    let nested = |depth: usize| {
        let (open, close) = ("<value><array><data>".repeat(depth), "</data></array></value>".repeat(depth));
        format!("<param>{open}{close}</param>")
    };
    assert!(call(&nested(9)).is_ok());
    let many = "<value>1</value>".repeat(ELEMENTS);
    for (params, why) in [
        (nested(10), "in each other"),
        (
            format!("<param><value><array><data>{many}</data></array></value></param>"),
            "more than 10000 elements",
        ),
        ("<param><value>&evil;</value></param>".into(), "an unknown entity &evil;"),
        ("<param><value>&#0;</value></param>".into(), "not valid XML"),
        ("<param><value><int>1x</int></value></param>".into(), "\"1x\" is not a valid XML-RPC <int>"),
        ("<param><value><boolean>2</boolean></value></param>".into(), "is not a valid XML-RPC <boolean>"),
        ("<param><value><date>2</date></value></param>".into(), "has no type <date>"),
        ("<param/>".into(), "has no <value>"),
        (
            "<param><value><struct><member><name>x</name></member></struct></value></param>".into(),
            "needs a <name>",
        ),
        ("<param><value></param>".into(), "not valid XML"),
    ] {
        let error = call(&params).expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    for (text, why) in [
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'x'>]><methodCall/>", "has no DOCTYPE"),
        ("<methodCall><methodName>x</methodName>", "cut off"),
        ("<methodCall><methodName>x</methodName></methodCall><methodCall/>", "goes on behind its end"),
        ("<methodCall/>", "has no <methodName>"),
        ("<methodResponse/>", "not with <methodResponse>"),
        ("", "cut off"),
        ("x", "cut off"),
    ] {
        let error = read(text.as_bytes()).expect_err(why).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(read(b"\xff").is_err());
}

#[test]
fn answers_are_clean_xml() {
    let value =
        json!([{"name": "a<b&\"c\u{1}\u{0}\u{ffff}\u{1f600}", "n": 1, "ok": true, "none": null, "x": 0.5}]);
    assert_eq!(
        response(&value),
        "<?xml version=\"1.0\"?>\n<methodResponse><params><param><value><array><data><value><struct>\
         <member><name>n</name><value><int>1</int></value></member>\
         <member><name>name</name><value><string>a&lt;b&amp;&quot;c\u{1f600}</string></value></member>\
         <member><name>none</name><value><nil/></value></member>\
         <member><name>ok</name><value><boolean>1</boolean></value></member>\
         <member><name>x</name><value><double>0.5</double></value></member>\
         </struct></value></data></array></value></param></params></methodResponse>\n"
    );
    assert!(
        fault(1, &bad!("no <x>")).contains("<name>faultString</name><value><string>no &lt;x&gt;</string>")
    );
}

proptest! {
    #[test]
    fn any_text_comes_back_as_it_was_written(text in "[ -~éñ\u{2028}\u{1f600}]{0,40}") {
        let mut written = String::new();
        write_value(&mut written, &json!({ "x": [text.clone()] }));
        let read = call(&format!("<param>{written}</param>")).unwrap();
        prop_assert_eq!(&read.params, &[json!({"x": [text]})]);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}
