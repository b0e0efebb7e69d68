//! Names: the functions that a script can call, and the files that it can import.
//!
//! Rhai finds a missing function only when it is called, so names are checked at
//! load against these lists.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use rhai::{AST, OptimizationLevel, ScriptFuncDef, Shared, Stmt};

use super::{effects, facts, kinds, sandbox};
use crate::domain::{directory::Directory, nearest::did_you_mean};

/// Functions that the engine treats on its own, with their numbers of arguments.
const BUILT_IN: &[(&str, &[usize])] = &[
    ("Fn", &[1]),
    ("is_def_fn", &[2, 3]),
    ("is_def_var", &[1]),
    ("is_shared", &[1]),
    ("type_of", &[1]),
];

static NATIVE: LazyLock<HashMap<String, Vec<usize>>> = LazyLock::new(|| {
    let mut engine = sandbox::engine(OptimizationLevel::None);
    facts::register(&mut engine);
    effects::register(&mut engine, &Arc::new(Directory::default()));
    kinds::register(&mut engine, &Arc::default());
    let functions = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
        true,
    );
    let mut native: HashMap<String, Vec<usize>> = HashMap::new();
    for (name, arity) in functions {
        native.entry(name).or_default().push(arity);
    }
    for (name, arities) in BUILT_IN {
        native
            .entry((*name).to_owned())
            .or_default()
            .extend(*arities);
    }
    native
});

/// Tells whether a native function takes so many arguments; `None` when there is none of that name.
pub(super) fn native(name: &str, arity: usize) -> Option<bool> {
    NATIVE.get(name).map(|arities| arities.contains(&arity))
}

/// Gives the numbers of arguments that a native function takes, in words.
pub(super) fn native_arities(name: &str) -> String {
    let mut arities = NATIVE.get(name).cloned().unwrap_or_default();
    arities.sort_unstable();
    arities.dedup();
    let words: Vec<String> = arities.iter().map(ToString::to_string).collect();
    words.join(" or ")
}

/// A compiled file and the functions that it defines, closures included.
pub(super) struct File {
    /// Its path, relative to the policy folder.
    pub(super) path: Arc<str>,
    /// Its compiled form.
    pub(super) ast: AST,
    functions: HashMap<String, Vec<Shared<ScriptFuncDef>>>,
}

impl File {
    /// Takes stock of a compiled file.
    pub(super) fn new(path: &str, mut ast: AST) -> Self {
        ast.set_source(path);
        let mut functions: HashMap<String, Vec<Shared<ScriptFuncDef>>> = HashMap::new();
        for (_, _, name, _, definition) in ast.shared_lib().iter_script_fn_info() {
            functions
                .entry(name.to_owned())
                .or_default()
                .push(definition.clone());
        }
        Self {
            path: path.into(),
            ast,
            functions,
        }
    }

    /// Gives the function of that name and number of parameters.
    pub(super) fn function(&self, name: &str, arity: usize) -> Option<&Shared<ScriptFuncDef>> {
        self.functions
            .get(name)?
            .iter()
            .find(|definition| definition.params.len() == arity)
    }

    /// Gives the closure of that name; closures are unique by name.
    pub(super) fn closure(&self, name: &str) -> Option<&Shared<ScriptFuncDef>> {
        self.functions.get(name)?.first()
    }

    /// Tells whether it defines a function of that name, whatever its parameters.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Gives the functions that have a name of their own.
    pub(super) fn named_functions(&self) -> impl Iterator<Item = &Shared<ScriptFuncDef>> {
        self.functions
            .values()
            .flatten()
            .filter(|definition| !definition.name.starts_with("anon$"))
    }

    /// Gives the nearest function to `name`, of this file and the host, as a hint.
    pub(super) fn nearest_function(&self, name: &str) -> Option<String> {
        let own = self
            .functions
            .keys()
            .filter(|own| !own.starts_with("anon$"));
        let native = NATIVE.keys().filter(|native| !native.contains('$'));
        did_you_mean(name, own.chain(native).map(String::as_str))
    }
}

/// Every file of a policy, by its path without `.rhai`.
#[derive(Default)]
pub(super) struct Library {
    files: BTreeMap<String, File>,
}

impl Library {
    /// Adds a file.
    pub(super) fn add(&mut self, file: File) {
        let name = file.path.strip_suffix(".rhai").unwrap_or(&file.path);
        self.files.insert(name.to_owned(), file);
    }

    /// Gives the file that `import` names.
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    /// Gives every file, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// Gives the nearest file to `name` as a hint.
    pub(super) fn nearest_file(&self, name: &str) -> Option<String> {
        did_you_mean(name, self.files.keys().map(String::as_str))
    }
}

/// Calls `on_statement` with each statement of a function's body.
pub(super) fn each_statement(
    definition: &Shared<ScriptFuncDef>,
    mut on_statement: impl FnMut(&Stmt),
) {
    let mut module = rhai::Module::new();
    module.set_script_fn(definition.clone());
    AST::new_from_module(module).walk(&mut |path| {
        if let [rhai::ASTNode::Stmt(statement)] = path {
            on_statement(statement);
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        condition,
        effects::{Arguments, EFFECTS},
        event_types, host,
        kinds::KINDS,
        spec,
    };

    fn rising(names: &[&str]) -> bool {
        names.windows(2).all(|pair| pair[0] < pair[1])
    }

    fn names<T>(items: &[T], name: impl Fn(&T) -> &'static str) -> Vec<&'static str> {
        items.iter().map(name).collect()
    }

    #[test]
    fn every_list_is_in_order() {
        assert!(rising(&names(KINDS, |kind| kind.name)));
        assert!(rising(&names(EFFECTS, |effect| effect.name)));
        assert!(rising(event_types::KNOWN));
        for kind in KINDS {
            let mut keys: Vec<&str> = Vec::new();
            for group in kind.keys {
                assert!(rising(&names(group, |key| key.name)), "{}", kind.name);
                keys.extend(names(group, |key| key.name));
            }
            keys.sort_unstable();
            assert!(rising(&keys), "{} has a key twice", kind.name);
        }
        for shape in facts::SHAPES {
            assert!(
                rising(&names(shape.fields, |field| field.name)),
                "{}",
                shape.name
            );
        }
        for group in host::GROUPS {
            assert!(
                rising(&names(group.functions, |function| function.name)),
                "{}",
                group.title
            );
        }
        assert!(spec::find(&[condition::CONDITION_KEYS], "when").is_some());
    }

    #[test]
    fn every_entry_of_a_list_is_there() {
        for kind in KINDS {
            assert_eq!(native(kind.name, kind.arity()), Some(true), "{}", kind.name);
        }
        for effect in EFFECTS {
            let arity = match effect.takes {
                Arguments::Map(_) => 1,
                Arguments::Values(keys) => keys.len(),
            };
            assert_eq!(native(effect.name, arity), Some(true), "{}", effect.name);
        }
        for function in host::GROUPS.iter().flat_map(|group| group.functions) {
            let (_, arguments) = function.signature.split_once('(').expect("a signature");
            let count = if arguments.starts_with(')') {
                0
            } else {
                arguments.matches(',').count() + 1
            };
            assert_eq!(
                native(function.name, count),
                Some(true),
                "{}",
                function.signature
            );
        }
    }
}
