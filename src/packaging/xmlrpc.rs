//! XML-RPC: calls in, answers out. Values are JSON's, which have all that is needed here.

use crate::bad;
use crate::error::{Error, Result};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Elements within elements, and all of them.
const DEEPEST: usize = 32;
const ELEMENTS: usize = 10_000;

/// What is called, with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub method: String,
    pub params: Vec<Value>,
}

/// Reads a call. There are no entities but the five of XML itself.
///
/// # Errors
/// `Bad` if it is no call, or a deep or long one.
pub fn read(body: &[u8]) -> Result<Call> {
    let text = std::str::from_utf8(body).map_err(|_| bad!("the XML-RPC call is not UTF-8"))?;
    let tree = tree(text)?;
    if tree.name != "methodCall" {
        return Err(bad!("an XML-RPC call begins with <methodCall>, not with <{}>", tree.name));
    }
    let method = tree.child("methodName").ok_or_else(|| bad!("the XML-RPC call has no <methodName>"))?;
    let params = tree.child("params").into_iter().flat_map(|params| &params.children);
    let params = params.filter(|child| child.name == "param").map(|param| match param.child("value") {
        Some(value) => value.read(),
        None => Err(bad!("an XML-RPC <param> has no <value>")),
    });
    Ok(Call { method: method.text.trim().to_owned(), params: params.collect::<Result<_>>()? })
}

/// An element with what is in it.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The value of a `<value>`; without a type it is a string.
    fn read(&self) -> Result<Value> {
        let Some(typed) = self.children.first() else { return Ok(self.text.clone().into()) };
        let text = typed.text.trim();
        let wrong = || bad!("{text:?} is not a valid XML-RPC <{}>", typed.name);
        Ok(match typed.name.as_str() {
            "string" | "dateTime.iso8601" | "base64" => typed.text.clone().into(),
            "int" | "i4" | "i8" => text.parse::<i64>().map_err(|_| wrong())?.into(),
            "double" => text.parse::<f64>().map_err(|_| wrong())?.into(),
            "boolean" => match text {
                "0" => false.into(),
                "1" => true.into(),
                _ => return Err(wrong()),
            },
            "nil" => Value::Null,
            "array" => {
                let data = typed.child("data").into_iter().flat_map(|data| &data.children);
                Value::Array(data.map(Self::read).collect::<Result<_>>()?)
            }
            "struct" => {
                let mut map = Map::new();
                for member in &typed.children {
                    let (Some(name), Some(value)) = (member.child("name"), member.child("value")) else {
                        return Err(bad!("a member of an XML-RPC <struct> needs a <name> and a <value>"));
                    };
                    map.insert(name.text.clone(), value.read()?);
                }
                Value::Object(map)
            }
            other => return Err(bad!("XML-RPC has no type <{other}>")),
        })
    }
}

fn tree(text: &str) -> Result<Element> {
    let no_xml = |error: &dyn std::fmt::Display| bad!("the XML-RPC call is not valid XML: {error}");
    let mut reader = Reader::from_str(text);
    let (mut open, mut elements): (Vec<Element>, usize) = (Vec::new(), 0);
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| no_xml(&error))?;
        let (opened, closed) = match &event {
            Event::Start(tag) => (Some(tag.name()), false),
            Event::Empty(tag) => (Some(tag.name()), true),
            Event::End(_) => (None, true),
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&said(&event)?);
                }
                continue;
            }
            Event::DocType(_) => return Err(bad!("an XML-RPC call has no DOCTYPE")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            Event::Eof => break,
        };
        if let Some(name) = opened {
            elements += 1;
            if open.len() >= DEEPEST || elements > ELEMENTS {
                return Err(bad!(
                    "the XML-RPC call has more than {ELEMENTS} elements, or {DEEPEST} in each other"
                ));
            }
            let name = String::from_utf8_lossy(name.as_ref()).into_owned();
            open.push(Element { name, ..Element::default() });
        }
        if closed && let Some(element) = open.pop() {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None if root.is_none() => root = Some(element),
                None => return Err(bad!("the XML-RPC call goes on behind its end")),
            }
        }
    }
    root.filter(|_| open.is_empty()).ok_or_else(|| bad!("the XML-RPC call is cut off"))
}

/// What a text, or a reference in it, stands for.
fn said(event: &Event<'_>) -> Result<String> {
    let unreadable = |error: &dyn std::fmt::Display| bad!("the XML-RPC call is not valid XML: {error}");
    match event {
        Event::Text(text) => Ok(text.decode().map_err(|error| unreadable(&error))?.into_owned()),
        Event::CData(text) => Ok(text.decode().map_err(|error| unreadable(&error))?.into_owned()),
        Event::GeneralRef(reference) => {
            if let Some(character) = reference.resolve_char_ref().map_err(|error| unreadable(&error))? {
                return Ok(character.into());
            }
            let name = reference.decode().map_err(|error| unreadable(&error))?;
            let known = resolve_predefined_entity(&name);
            known.map(str::to_owned).ok_or_else(|| bad!("the XML-RPC call has an unknown entity &{name};"))
        }
        _ => Ok(String::new()),
    }
}

/// An answer with one value.
pub fn response(value: &Value) -> String {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<methodResponse><params><param>");
    write_value(&mut text, value);
    text + "</param></params></methodResponse>\n"
}

/// An answer that says why there is no value.
pub fn fault(code: i32, error: &Error) -> String {
    let fault = serde_json::json!({"faultCode": code, "faultString": error.to_string()});
    let mut text = String::from("<?xml version=\"1.0\"?>\n<methodResponse><fault>");
    write_value(&mut text, &fault);
    text + "</fault></methodResponse>\n"
}

fn write_value(text: &mut String, value: &Value) {
    text.push_str("<value>");
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Null => write!(text, "<nil/>"),
        Value::Bool(is) => write!(text, "<boolean>{}</boolean>", u8::from(*is)),
        Value::Number(number) if number.is_f64() => write!(text, "<double>{number}</double>"),
        Value::Number(number) => write!(text, "<int>{number}</int>"),
        Value::String(string) => write!(text, "<string>{}</string>", escaped(string)),
        Value::Array(values) => {
            text.push_str("<array><data>");
            values.iter().for_each(|value| write_value(text, value));
            write!(text, "</data></array>")
        }
        Value::Object(map) => {
            text.push_str("<struct>");
            for (name, value) in map {
                let _ = write!(text, "<member><name>{}</name>", escaped(name));
                write_value(text, value);
                text.push_str("</member>");
            }
            write!(text, "</struct>")
        }
    };
    text.push_str("</value>");
}

/// Without the characters that XML 1.0 cannot have.
fn escaped(text: &str) -> String {
    let fits =
        |c: &char| matches!(c, '\t' | '\n' | '\r') || *c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
    quick_xml::escape::escape(text.chars().filter(fits).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests;
