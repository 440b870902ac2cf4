//! The index on this node's disk: what it holds of each project, and how it is asked. Only this file knows tantivy.
//!
//! Scores are fixed numbers by where a word stands. Statistics over all documents, as full-text engines use them, would
//! let an asker measure what the documents have that may not be read.

use super::query::{SearchParts, SearchText};
use crate::error::{Error, Result};
use crate::names::{IndexName, ProjectName};
use crate::unavailable;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tantivy::collector::TopDocs;
use tantivy::indexer::IndexWriterOptions;
use tantivy::query::{
    BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, FuzzyTermQuery, Occur, Query, RegexQuery,
    TermQuery, TermSetQuery,
};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term};

/// Bytes that wait in memory to be written: the least that the library takes.
const HEAP: usize = 15_000_000;
/// Projects that one question gives.
pub const MOST: usize = 1000;
/// Grows with what the files hold: those of another number are made anew.
const FORMAT: u32 = 1;
/// Characters from which on a word is looked for inside others, and up to which.
const INSIDE: std::ops::RangeInclusive<usize> = 3..=24;

/// What the server shows of a project without asking the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Card {
    pub index: IndexName,
    pub project: ProjectName,
    /// As its newest release writes it.
    pub name: String,
    pub summary: String,
    /// The version that the words are from; empty: there are none but the name.
    pub told: String,
    /// A line for each release, the best first: version, `y` if it is yanked, when it was uploaded (microseconds), with tabs
    /// between them.
    pub releases: String,
}

/// What is written of a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchEntry {
    pub card: Card,
    /// Words with blanks between them.
    pub name: String,
    pub summary: String,
    pub about: String,
}

/// What became of a project: `None` if it is no more.
pub type ShelfChange = (IndexName, ProjectName, Option<SearchEntry>);

/// How far the files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    format: u32,
    /// Of the installation.
    uuid: String,
    /// Of the newest event that is in them.
    pub serial: i64,
    /// The time of the newest page and file of a mirror that is in them.
    pub mirrored: i64,
}

impl Mark {
    pub fn new(uuid: &str, serial: i64, mirrored: i64) -> Self {
        Self { format: FORMAT, uuid: uuid.to_owned(), serial, mirrored }
    }
}

/// A question.
#[derive(Clone, Copy)]
pub enum WordQuestion<'a> {
    /// All words, wherever they stand.
    Words(&'a SearchText),
    /// Names that differ by one letter.
    Near(&'a SearchText),
    Parts(&'a SearchParts),
}

/// A project that fits.
pub struct SearchCandidate {
    pub card: Card,
    pub score: f32,
}

struct Fields {
    key: Field,
    index: Field,
    project: Field,
    name: Field,
    summary: Field,
    about: Field,
    card: Field,
}

/// The files, open for reading and writing.
pub struct Shelf {
    fields: Fields,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
}

impl Shelf {
    /// Opens the files of an installation, made anew if they are missing, damaged or of another one; and how far they are:
    /// `None` for empty ones. Blocks.
    ///
    /// # Errors
    /// `Unavailable` while another process writes them.
    pub fn open(folder: &Path, uuid: &str) -> Result<(Self, Option<Mark>)> {
        match Self::open_whole(folder, uuid) {
            Ok(Some((shelf, mark))) => return Ok((shelf, Some(mark))),
            Ok(None) => {}
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error) => tracing::info!(%error, "the search index is unreadable: it is made anew"),
        }
        Self::remove(folder)?;
        std::fs::create_dir_all(folder)?;
        let (schema, _) = schema();
        let index = tantivy::Index::create_in_dir(folder, schema).map_err(failed)?;
        Ok((Self::with(&index)?, None))
    }

    /// Removes the files.
    pub fn remove(folder: &Path) -> Result<()> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn open_whole(folder: &Path, uuid: &str) -> Result<Option<(Self, Mark)>> {
        if !folder.join("meta.json").exists() {
            return Ok(None);
        }
        let index = tantivy::Index::open_in_dir(folder).map_err(failed)?;
        let told = index.load_metas().map_err(failed)?.payload;
        let mark = told.and_then(|text| serde_json::from_str::<Mark>(&text).ok());
        let Some(mark) = mark.filter(|mark| mark.format == FORMAT && mark.uuid == uuid) else {
            return Ok(None);
        };
        if index.schema() != schema().0 || !index.validate_checksum().map_err(failed)?.is_empty() {
            return Ok(None);
        }
        Ok(Some((Self::with(&index)?, mark)))
    }

    fn with(index: &tantivy::Index) -> Result<Self> {
        let options =
            IndexWriterOptions::builder().memory_budget_per_thread(HEAP).num_merge_threads(1).build();
        let writer = index.writer_with_options(options).map_err(failed)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        Ok(Self { fields: schema().1, reader, writer: Mutex::new(writer) })
    }

    /// Writes changes; they are found after [`Shelf::commit`]. Blocks.
    pub fn put(&self, changes: Vec<ShelfChange>) -> Result<()> {
        let (writer, fields) = (self.writer.lock(), &self.fields);
        for (index, project, entry) in changes {
            let key = key(&index, &project);
            writer.delete_term(Term::from_field_text(fields.key, &key));
            let Some(entry) = entry else { continue };
            let mut document = TantivyDocument::new();
            document.add_text(fields.key, &key);
            document.add_text(fields.index, index.as_str());
            document.add_text(fields.project, project.as_str());
            document.add_text(fields.name, &entry.name);
            document.add_text(fields.summary, &entry.summary);
            document.add_text(fields.about, &entry.about);
            document.add_text(fields.card, serde_json::to_string(&entry.card).map_err(Error::internal)?);
            writer.add_document(document).map_err(failed)?;
        }
        Ok(())
    }

    /// Forgets all projects of an index; counts after [`Shelf::commit`].
    pub fn drop_index(&self, index: &str) {
        self.writer.lock().delete_term(Term::from_field_text(self.fields.index, index));
    }

    /// Makes what was written visible, and keeps it. Without a mark the files count as incomplete. Blocks.
    pub fn commit(&self, mark: Option<&Mark>) -> Result<()> {
        let mut writer = self.writer.lock();
        let mut prepared = writer.prepare_commit().map_err(failed)?;
        if let Some(mark) = mark {
            prepared.set_payload(&serde_json::to_string(mark).map_err(Error::internal)?);
        }
        prepared.commit().map_err(failed)?;
        self.reader.reload().map_err(failed)
    }

    /// The names of all indexes that there are projects of. Blocks.
    pub fn indexes(&self) -> Result<Vec<String>> {
        let mut names = std::collections::BTreeSet::new();
        for segment in self.reader.searcher().segment_readers() {
            let inverted = segment.inverted_index(self.fields.index).map_err(failed)?;
            let mut terms = inverted.terms().stream()?;
            while terms.advance() {
                names.extend(std::str::from_utf8(terms.key()).map(str::to_owned));
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The indexes that have a project. Blocks.
    pub fn having(&self, project: &ProjectName) -> Result<Vec<IndexName>> {
        let query = self.is(self.fields.project, project.as_str());
        Ok(self.ask(&*query)?.into_iter().map(|found| found.card.index).collect())
    }

    /// The projects of some indexes that fit best, at most [`MOST`]. Blocks.
    pub fn find(&self, question: WordQuestion<'_>, indexes: &[String]) -> Result<Vec<SearchCandidate>> {
        let what = match question {
            WordQuestion::Words(text) => self.words(text),
            WordQuestion::Near(text) => self.near(text),
            WordQuestion::Parts(parts) => self.parts(parts),
        };
        let indexes = indexes.iter().map(|name| Term::from_field_text(self.fields.index, name));
        let among = ConstScoreQuery::new(Box::new(TermSetQuery::new(indexes)), 0.0);
        self.ask(&BooleanQuery::new(vec![
            (Occur::Must, Box::new(among) as Box<dyn Query>),
            (Occur::Must, what),
        ]))
    }

    fn ask(&self, query: &dyn Query) -> Result<Vec<SearchCandidate>> {
        let searcher = self.reader.searcher();
        let found = searcher.search(query, &TopDocs::with_limit(MOST).order_by_score()).map_err(failed)?;
        let read = |(score, address)| {
            let document: TantivyDocument = searcher.doc(address).map_err(failed)?;
            let card = document.get_first(self.fields.card).and_then(|value| value.as_str());
            let card = serde_json::from_str(card.unwrap_or_default()).map_err(Error::internal)?;
            Ok(SearchCandidate { card, score })
        };
        found.into_iter().map(read).collect()
    }

    /// The name as a whole, then its beginning; and each word by the best place it stands at.
    fn words(&self, text: &SearchText) -> Box<dyn Query> {
        let Fields { project, name, summary, about, .. } = self.fields;
        let share = 1.0 / text.words.len().max(1) as f32;
        let last = text.words.len().saturating_sub(1);
        let mut all = Vec::new();
        for (at, word) in text.words.iter().enumerate() {
            let length = word.chars().count();
            let mut places = vec![
                worth(self.is(name, word), 100.0),
                worth(self.begins(name, word), 80.0),
                worth(self.is(summary, word), 12.0),
                worth(self.is(about, word), 2.0),
            ];
            if length > 1 {
                places.push(worth(self.begins(summary, word), 10.0));
            }
            if INSIDE.contains(&length) {
                places.push(worth(self.inside(project, word), 50.0));
                if at == last {
                    places.push(worth(self.begins(about, word), 1.0));
                }
            }
            all.push((Occur::Must, worth_share(DisjunctionMaxQuery::new(places), share)));
        }
        if !text.whole.is_empty() {
            all.push((Occur::Should, worth(self.is(project, &text.whole), 1000.0)));
            all.push((Occur::Should, worth(self.begins(project, &text.whole), 300.0)));
        }
        Box::new(BooleanQuery::new(all))
    }

    fn near(&self, text: &SearchText) -> Box<dyn Query> {
        let near = |field: Field, word: &str| -> Box<dyn Query> {
            match INSIDE.contains(&word.chars().count()) {
                true => Box::new(FuzzyTermQuery::new(Term::from_field_text(field, word), 1, true)),
                false => self.is(field, word),
            }
        };
        let each = text.words.iter().map(|word| (Occur::Must, near(self.fields.name, word))).collect();
        let words: Box<dyn Query> = Box::new(BooleanQuery::new(each));
        let whole = worth(near(self.fields.project, &text.whole), 10.0);
        Box::new(BooleanQuery::new(vec![(Occur::Should, words), (Occur::Should, whole)]))
    }

    /// What may fit; whether it does, the card says.
    fn parts(&self, parts: &SearchParts) -> Box<dyn Query> {
        let any = |each: Vec<Box<dyn Query>>| -> Box<dyn Query> {
            Box::new(BooleanQuery::new(each.into_iter().map(|one| (Occur::Should, one)).collect()))
        };
        let names = parts.names.iter().map(|part| self.inside(self.fields.project, part)).collect();
        let summary = |part: &String| -> Box<dyn Query> {
            let words = super::query::words(part);
            let last = words.len().saturating_sub(1);
            // The words between others are whole, the ones at the ends may go on: short ones would fit almost everywhere.
            let of = |(at, word): (usize, &String)| match at > 0 && at < last {
                true => Some(self.is(self.fields.summary, word)),
                false if INSIDE.start() > &word.chars().count() && last > 0 => None,
                false => Some(self.inside(self.fields.summary, word)),
            };
            let each: Vec<_> = words.iter().enumerate().filter_map(of).collect();
            match each.is_empty() {
                true => Box::new(BooleanQuery::new(
                    words.iter().map(|word| (Occur::Must, self.begins(self.fields.summary, word))).collect(),
                )),
                false => {
                    Box::new(BooleanQuery::new(each.into_iter().map(|one| (Occur::Must, one)).collect()))
                }
            }
        };
        let summaries = parts.summaries.iter().map(summary).collect();
        let joined = if parts.all { Occur::Must } else { Occur::Should };
        let fields = [(parts.names.is_empty(), any(names)), (parts.summaries.is_empty(), any(summaries))];
        let given = fields.into_iter().filter(|(empty, _)| !empty);
        Box::new(BooleanQuery::new(given.map(|(_, query)| (joined, query)).collect()))
    }

    fn is(&self, field: Field, word: &str) -> Box<dyn Query> {
        Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::Basic))
    }

    fn begins(&self, field: Field, word: &str) -> Box<dyn Query> {
        self.like(field, word, "", ".*")
    }

    fn inside(&self, field: Field, word: &str) -> Box<dyn Query> {
        match field == self.fields.project {
            true => self.like(field, word, "[a-z0-9-]*", "[a-z0-9-]*"),
            // The automaton of a long one would be too large, and a short one stands in almost every word.
            false if !INSIDE.contains(&word.chars().count()) => self.begins(field, word),
            false => self.like(field, word, ".*", ".*"),
        }
    }

    /// Words have letters and digits alone, names also `-`: a pattern takes them as they are.
    fn like(&self, field: Field, word: &str, before: &str, after: &str) -> Box<dyn Query> {
        let plain = word.chars().all(|c| c.is_alphanumeric() || c == '-') && !word.is_empty();
        match RegexQuery::from_pattern(&format!("{before}{word}{after}"), field) {
            Ok(query) if plain => Box::new(query),
            _ => Box::new(EmptyQuery),
        }
    }
}

fn worth(query: Box<dyn Query>, score: f32) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, score))
}

fn worth_share(query: DisjunctionMaxQuery, share: f32) -> Box<dyn Query> {
    Box::new(tantivy::query::BoostQuery::new(Box::new(query), share))
}

fn key(index: &IndexName, project: &ProjectName) -> String {
    format!("{index} {project}")
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("whitespace")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let words = TextOptions::default().set_indexing_options(indexing);
    let fields = Fields {
        key: schema.add_text_field("key", STRING),
        index: schema.add_text_field("index", STRING),
        project: schema.add_text_field("project", STRING),
        name: schema.add_text_field("name", words.clone()),
        summary: schema.add_text_field("summary", words.clone()),
        about: schema.add_text_field("about", words),
        card: schema.add_text_field("card", STORED),
    };
    (schema.build(), fields)
}

fn failed(error: TantivyError) -> Error {
    match error {
        TantivyError::LockFailure(..) => unavailable!("another process writes the search index"),
        error => Error::internal(error),
    }
}

#[cfg(test)]
mod tests;
