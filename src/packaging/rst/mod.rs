//! reStructuredText as HTML: the part of it that descriptions of packages use.
//!
//! What is not known, or is written wrongly, is shown as the text it is: nothing is lost but comments, targets and
//! options. Time, depth and length are bounded whatever the text. The result is to be sanitised: texts are escaped, but
//! addresses are as they were written.
//!
//! Each file does one thing: [`lines`] indents, [`blocks`] divides lines (with [`lists`], [`tables`] and [`explicit`]),
//! [`targets`] collects what names mean, [`inline`] reads what stands within a paragraph (with [`reader`] and
//! [`markup`]), [`render`] writes HTML.

mod blocks;
mod explicit;
mod inline;
mod lines;
mod lists;
mod markup;
mod reader;
mod render;
mod tables;
mod targets;
#[cfg(test)]
mod tests;

pub use markup::escape;

/// Renders `text`; headings begin at `level`. `None` if it becomes longer than anybody means it.
pub fn html(text: &str, level: usize) -> Option<String> {
    let text = lines::expand(text);
    let lines = lines::split(&text);
    render::Renderer::new(&lines, level).document(&lines)
}

/// Whether a text of which nobody said what it is looks like Markdown rather than reStructuredText.
pub fn is_more_like_markdown(text: &str) -> bool {
    let (mut markdown, mut rst) = (0, 0);
    for line in text.lines().take(2000) {
        let bare = line.trim_start();
        let heading = bare.trim_start_matches('#');
        let is_heading = bare.starts_with('#') && heading.starts_with(' ') && bare.len() - heading.len() < 7;
        markdown += usize::from(is_heading || bare.starts_with("```") || bare.contains("]("));
        rst += usize::from(bare.starts_with(".. ") || line.ends_with("::") || bare.contains(">`_"));
    }
    markdown > rst
}
