//! Files that foreign policies include.

use std::path::{Path, PathBuf};

use filterc::Source;
use filterc_grammar::source::{FileId, SourceFile, SourceMap, Span};
use filterc_import::Includes;

/// Finds files beside the one that includes them, then in the folders of `-I`: there at the path
/// as it is written, without a `/` before it, or by the name alone.
pub(super) struct Files<'f> {
    pub(super) sources: SourceMap,
    folders: &'f [PathBuf],
}

impl<'f> Files<'f> {
    pub(super) const fn new(sources: SourceMap, folders: &'f [PathBuf]) -> Self {
        Self { sources, folders }
    }
}

impl Includes for Files<'_> {
    fn include(&mut self, path: &str, from: Span) -> Result<(FileId, String), String> {
        let beside = self.sources.get(from.file).map(|file| PathBuf::from(&file.name));
        let beside = beside.as_deref().and_then(Path::parent).map(|folder| folder.join(path));
        let relative = path.trim_start_matches("./").trim_start_matches('/');
        let name = Path::new(path).file_name();
        let folders = self.folders.iter().flat_map(|folder| {
            [Some(folder.join(relative)), name.map(|name| folder.join(name))].into_iter().flatten()
        });
        let Some(found) = beside.into_iter().chain(folders).find(|path| path.is_file()) else {
            return Err("no such file here, nor in a folder of -I".to_owned());
        };
        let source = Source::read(&found).map_err(|error| error.to_string())?;
        let (name, text) = (source.name().to_owned(), source.contents().to_owned());
        let file = SourceFile { name, text: text.clone(), included_from: Some(from) };
        Ok((self.sources.add(file), text))
    }
}
