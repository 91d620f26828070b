//! Types to bytes.

use std::collections::BTreeMap;

use filterc_abi::Endian;

use super::kind;

/// Who sees a function or variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Its own file.
    Static,
    /// Everybody.
    Global,
}

impl Linkage {
    const fn number(self) -> u32 {
        match self {
            Self::Static => 0,
            Self::Global => 1,
        }
    }
}

/// The types of a file, as they are added. Each has a number, from 1; 0 is `void`.
#[derive(Clone, Debug)]
pub struct Builder {
    endian: Endian,
    words: Vec<u32>,
    count: u32,
    strings: Vec<u8>,
    known: BTreeMap<String, u32>,
}

impl Builder {
    /// No types.
    #[must_use]
    pub fn new(endian: Endian) -> Self {
        let known = BTreeMap::from([(String::new(), 0)]);
        Self { endian, words: Vec::new(), count: 0, strings: vec![0], known }
    }

    /// The place of a text, which has no NUL, among the strings.
    pub fn string(&mut self, text: &str) -> u32 {
        if let Some(at) = self.known.get(text) {
            return *at;
        }
        let at = length(self.strings.len());
        self.strings.extend(text.bytes().chain([0]));
        self.known.insert(text.to_owned(), at);
        at
    }

    fn add(&mut self, kind: u8, name: &str, parts: usize, size_or_type: u32, rest: &[u32]) -> u32 {
        let name = self.string(name);
        let info = (u32::from(kind) << 24) | (length(parts) & 0xffff);
        self.words.extend([name, info, size_or_type]);
        self.words.extend(rest);
        self.count += 1;
        self.count
    }

    /// An integer of so many bytes.
    pub fn int(&mut self, name: &str, bytes: u32, signed: bool) -> u32 {
        let encoding = u32::from(signed) << 24;
        self.add(kind::INT, name, 0, bytes, &[encoding | (bytes * 8)])
    }

    /// A pointer to that type.
    pub fn pointer(&mut self, to: u32) -> u32 {
        self.add(kind::PTR, "", 0, to, &[])
    }

    /// An array of so many elements.
    pub fn array(&mut self, element: u32, index: u32, count: u32) -> u32 {
        self.add(kind::ARRAY, "", 0, 0, &[element, index, count])
    }

    /// A structure without a name whose members are pointers: `(name, type)`.
    pub fn structure_of_pointers(&mut self, members: &[(&str, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (at, (name, member)) in members.iter().enumerate() {
            rest.extend([self.string(name), *member, length(at * 64)]);
        }
        self.add(kind::STRUCT, "", members.len(), length(members.len() * 8), &rest)
    }

    /// A structure of so many bytes: `(name, type, byte offset)`, in the order of the offsets.
    pub fn structure(&mut self, name: &str, bytes: u32, members: &[(&str, u32, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (name, member, offset) in members {
            rest.extend([self.string(name), *member, offset.saturating_mul(8)]);
        }
        self.add(kind::STRUCT, name, members.len(), bytes, &rest)
    }

    /// The type of a function: what it returns, and its parameters: `(name, type)`.
    pub fn function_type(&mut self, returns: u32, parameters: &[(&str, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (name, parameter) in parameters {
            rest.extend([self.string(name), *parameter]);
        }
        self.add(kind::FUNC_PROTO, "", parameters.len(), returns, &rest)
    }

    /// A function of that type.
    pub fn function(&mut self, name: &str, of: u32, linkage: Linkage) -> u32 {
        // A function has no parts: their number is its linkage.
        self.add(kind::FUNC, name, linkage.number() as usize, of, &[])
    }

    /// A variable of that type.
    pub fn variable(&mut self, name: &str, of: u32, linkage: Linkage) -> u32 {
        self.add(kind::VAR, name, 0, of, &[linkage.number()])
    }

    /// A note about a declaration.
    pub fn note(&mut self, of: u32, text: &str) -> u32 {
        // About the whole of it, and not one of its members.
        self.add(kind::DECL_TAG, text, 0, of, &[u32::MAX])
    }

    /// A section with variables: `(variable, offset, bytes)`.
    pub fn section(&mut self, name: &str, bytes: u32, variables: &[(u32, u32, u32)]) -> u32 {
        let rest: Vec<u32> = variables.iter().flat_map(|(a, b, c)| [*a, *b, *c]).collect();
        self.add(kind::DATASEC, name, variables.len(), bytes, &rest)
    }

    /// The bytes of the `.BTF` section.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let types = length(self.words.len() * 4);
        let mut bytes = u16_bytes(kind::MAGIC, self.endian).to_vec();
        bytes.extend([kind::VERSION, 0]);
        let header = [kind::HEADER, 0, types, types, length(self.strings.len())];
        bytes.extend(words_bytes(&header, self.endian));
        bytes.extend(words_bytes(&self.words, self.endian));
        bytes.extend(&self.strings);
        bytes
    }
}

/// Nothing here comes near to 2³² bytes: a module has bounds.
fn length(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

pub(super) const fn u16_bytes(value: u16, endian: Endian) -> [u8; 2] {
    match endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => value.to_be_bytes(),
    }
}

pub(super) fn words_bytes(words: &[u32], endian: Endian) -> Vec<u8> {
    let bytes = |word: &u32| match endian {
        Endian::Little => word.to_le_bytes(),
        Endian::Big => word.to_be_bytes(),
    };
    words.iter().flat_map(bytes).collect()
}
