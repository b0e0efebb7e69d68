//! The check of a file before it is run: names, fields, keys, imports.
//!
//! Walks the compiled form, closures included, and follows the event through
//! them: `e.converstation` is found here, not when a customer writes. What
//! cannot be known before (computed maps, unknown types) is left to the run.

mod calls;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use rhai::{
    ASTFlags, Expr, FnCallExpr, ImmutableString, Position, ScriptFuncDef, Shared, Stmt, StmtBlock,
};

use super::{
    facts,
    fault::{self, Fault},
    names::{File, Library, each_statement},
    shape::{Holds, Shape},
    spots::Spots,
};
use crate::domain::{directory::Directory, nearest::did_you_mean};

/// What the check of a file found.
#[derive(Default)]
pub(super) struct Report {
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// The files imported: path without `.rhai`, and the place of the import.
    pub(super) imports: Vec<(String, Position)>,
    /// The places of registrations.
    pub(super) registrations: Vec<(&'static str, Position)>,
    /// The names of the calendars that are registered, where they are written out.
    pub(super) calendars: BTreeSet<String>,
    /// Where the parts of registrations stand.
    pub(super) spots: Spots,
    /// The properties that the file reads.
    pub(super) properties: BTreeSet<String>,
}

/// What is known of a value's form.
#[derive(Clone, Copy)]
enum Form {
    /// One of the fixed shapes.
    Shape(&'static Shape),
    /// An object with keys of anybody's choice, out of the facts.
    Free,
    /// The histories that the rule declares.
    Past,
    /// Nothing.
    Unknown,
}

/// The variables in reach, innermost last.
#[derive(Clone, Default)]
struct Reach {
    variables: Vec<(ImmutableString, Form)>,
    is_function: bool,
}

/// The check of one file.
struct Checker<'a> {
    file: &'a File,
    library: &'a Library,
    directory: &'a Directory,
    aliases: HashMap<String, String>,
    followed: HashSet<(String, Vec<&'static str>)>,
    /// The histories that the rule at hand declares, where that can be seen.
    declared: Option<Vec<String>>,
    report: Report,
}

/// Checks a file against the other files and the configuration.
pub(super) fn check(file: &File, library: &Library, directory: &Directory) -> Report {
    let mut checker = Checker {
        file,
        library,
        directory,
        aliases: HashMap::new(),
        followed: HashSet::new(),
        declared: None,
        report: Report::default(),
    };
    let mut reach = Reach::default();
    for statement in file.ast.statements() {
        checker.statement(statement, &mut reach);
    }
    for definition in file.named_functions() {
        let forms = vec![Form::Unknown; definition.params.len()];
        checker.function(definition, &forms);
    }
    checker.report
}

impl Checker<'_> {
    fn fault(&mut self, code: &'static str, at: Position, message: String, hint: Option<String>) {
        let fault = Fault::new(code, &self.file.path, at, message).hinted(hint);
        self.report.faults.push(fault);
    }

    /// Checks a named function, once for each form of its arguments.
    fn function(&mut self, definition: &Shared<ScriptFuncDef>, forms: &[Form]) {
        let names = forms.iter().map(|form| form.name()).collect();
        if !self.followed.insert((definition.to_string(), names)) {
            return;
        }
        let mut reach = Reach {
            variables: definition
                .params
                .iter()
                .cloned()
                .zip(forms.iter().copied())
                .collect(),
            is_function: true,
        };
        // Rules share it, and each declares histories of its own.
        let declared = self.declared.take();
        each_statement(definition, |statement| {
            self.statement(statement, &mut reach);
        });
        self.declared = declared;
    }

    /// Checks a closure where it stands; the forms are those of its own parameters.
    fn closure(&mut self, closure: &Closure, forms: &[Form], reach: &Reach) {
        let Some(definition) = self.file.closure(&closure.name).cloned() else {
            return;
        };
        let mut inner = reach.clone();
        inner.is_function = true;
        let own = definition.params.iter().skip(closure.captured);
        for (index, name) in own.enumerate() {
            let form = forms.get(index).copied().unwrap_or(Form::Unknown);
            inner.variables.push((name.clone(), form));
        }
        each_statement(&definition, |statement| {
            self.statement(statement, &mut inner);
        });
    }

    fn block(&mut self, block: &StmtBlock, reach: &mut Reach) {
        let outside = reach.variables.len();
        for statement in block.statements() {
            self.statement(statement, reach);
        }
        reach.variables.truncate(outside);
    }

    fn statement(&mut self, statement: &Stmt, reach: &mut Reach) {
        match statement {
            Stmt::Var(definition, ..) => {
                let form = self.expression(&definition.1, reach);
                reach.variables.push((definition.0.name.clone(), form));
            }
            Stmt::Expr(expression) => {
                self.expression(expression, reach);
            }
            Stmt::FnCall(call, at) => {
                self.call(call, *at, reach);
            }
            Stmt::Assignment(assignment) => {
                self.assignment(&assignment.1.lhs, &assignment.1.rhs, reach);
            }
            Stmt::If(flow, _) => {
                self.expression(&flow.expr, reach);
                self.block(&flow.body, reach);
                self.block(&flow.branch, reach);
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr, reach);
                self.block(&flow.body, reach);
            }
            Stmt::For(each, _) => {
                self.expression(&each.2.expr, reach);
                let outside = reach.variables.len();
                reach.variables.push((each.0.name.clone(), Form::Unknown));
                if let Some(counter) = &each.1 {
                    reach.variables.push((counter.name.clone(), Form::Unknown));
                }
                self.block(&each.2.body, reach);
                reach.variables.truncate(outside);
            }
            Stmt::Switch(switch, _) => {
                self.expression(&switch.0, reach);
                for case in &switch.1.expressions {
                    self.expression(&case.lhs, reach);
                    self.expression(&case.rhs, reach);
                }
            }
            Stmt::TryCatch(flow, _) => {
                self.block(&flow.body, reach);
                let outside = reach.variables.len();
                if let Expr::Variable(variable, ..) = &flow.expr {
                    reach.variables.push((variable.1.clone(), Form::Unknown));
                }
                self.block(&flow.branch, reach);
                reach.variables.truncate(outside);
            }
            Stmt::Block(block) => self.block(block, reach),
            Stmt::Return(Some(value), ..) | Stmt::BreakLoop(Some(value), ..) => {
                self.expression(value, reach);
            }
            Stmt::Import(import, at) => self.import(&import.0, &import.1.name, *at, reach),
            _ => {}
        }
    }

    fn assignment(&mut self, target: &Expr, value: &Expr, reach: &mut Reach) {
        self.expression(value, reach);
        if let Expr::Dot(link, ..) | Expr::Index(link, ..) = target
            && matches!(
                self.expression(&link.lhs, reach),
                Form::Shape(_) | Form::Free | Form::Past
            )
        {
            let message = "the facts cannot be changed".to_owned();
            self.fault(fault::FIELD, target.start_position(), message, None);
        }
        self.expression(target, reach);
    }

    fn import(&mut self, path: &Expr, alias: &str, at: Position, reach: &Reach) {
        let Expr::StringConstant(path, path_at) = path else {
            let message = "the path of an import is a text written out".to_owned();
            return self.fault(fault::IMPORT, at, message, None);
        };
        if reach.is_function {
            let message = "an import stands at the top level of a file".to_owned();
            return self.fault(fault::IMPORT, at, message, None);
        }
        if self.library.file(path).is_none() {
            let hint = match path.strip_suffix(".rhai") {
                Some(bare) if self.library.file(bare).is_some() => {
                    Some(format!("did you mean `{bare}`?"))
                }
                _ => self.library.nearest_file(path),
            };
            let message = format!("there is no file `{path}.rhai` in the policy folder");
            self.fault(fault::IMPORT, *path_at, message, hint);
        }
        self.aliases.insert(alias.to_owned(), path.to_string());
        self.report.imports.push((path.to_string(), *path_at));
    }

    fn expression(&mut self, expression: &Expr, reach: &mut Reach) -> Form {
        if let Some(closure) = Closure::of(expression) {
            self.closure(&closure, &[], reach);
            return Form::Unknown;
        }
        match expression {
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                for part in parts {
                    self.expression(part, reach);
                }
            }
            Expr::Map(members, _) => {
                for (_, member) in &members.0 {
                    self.expression(member, reach);
                }
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                for part in parts.iter() {
                    self.expression(part, reach);
                }
            }
            Expr::Variable(..) => return self.variable(expression, reach),
            Expr::Stmt(block) => self.block(block, reach),
            Expr::FnCall(call, at) => return self.call(call, *at, reach),
            Expr::Dot(link, ..) => {
                let form = self.expression(&link.lhs, reach);
                return self.link(form, &link.rhs, reach);
            }
            Expr::Index(link, flags, _) => {
                let form = self.expression(&link.lhs, reach);
                return self.index(form, &link.rhs, *flags, reach);
            }
            _ => {}
        }
        Form::Unknown
    }

    fn variable(&mut self, expression: &Expr, reach: &Reach) -> Form {
        let Expr::Variable(variable, _, at) = expression else {
            return Form::Unknown;
        };
        let name = &variable.1;
        if !variable.2.is_empty() {
            let root = variable.2.path.first().map_or("", |first| first.as_str());
            if root != "global" && !self.aliases.contains_key(root) {
                let hint = did_you_mean(root, self.aliases.keys().map(String::as_str));
                let message = format!("nothing is imported as `{root}`");
                self.fault(fault::IMPORT, variable.2.position(), message, hint);
            }
            return Form::Unknown;
        }
        if let Some((_, form)) = reach
            .variables
            .iter()
            .rev()
            .find(|(known, _)| known == name)
        {
            return *form;
        }
        if !self.file.defines(name) {
            let hint = did_you_mean(
                name,
                reach.variables.iter().map(|(known, _)| known.as_str()),
            );
            let message = format!("the variable `{name}` is not defined");
            self.fault(fault::VARIABLE, *at, message, hint);
        }
        Form::Unknown
    }

    /// Checks what follows a dot.
    fn link(&mut self, form: Form, next: &Expr, reach: &mut Reach) -> Form {
        match next {
            Expr::Property(property, at) => self.field(form, &property.2, *at),
            Expr::MethodCall(call, at) => {
                self.method(call, *at, reach);
                Form::Unknown
            }
            Expr::Dot(link, ..) => {
                let form = self.link(form, &link.lhs, reach);
                self.link(form, &link.rhs, reach)
            }
            Expr::Index(link, flags, _) => {
                let form = self.link(form, &link.lhs, reach);
                self.index(form, &link.rhs, *flags, reach)
            }
            _ => Form::Unknown,
        }
    }

    /// Checks what stands in brackets, and what follows.
    fn index(&mut self, form: Form, next: &Expr, flags: ASTFlags, reach: &mut Reach) -> Form {
        match next {
            Expr::Dot(link, ..) if !flags.contains(ASTFlags::BREAK) => {
                self.expression(&link.lhs, reach);
                let element = self.element(form, &link.lhs);
                self.link(element, &link.rhs, reach)
            }
            Expr::Index(link, inner, _) if !flags.contains(ASTFlags::BREAK) => {
                self.expression(&link.lhs, reach);
                let element = self.element(form, &link.lhs);
                self.index(element, &link.rhs, *inner, reach)
            }
            key => {
                self.expression(key, reach);
                self.element(form, key)
            }
        }
    }

    /// Checks a field that is named in brackets.
    fn element(&mut self, form: Form, key: &Expr) -> Form {
        match (form, key) {
            (Form::Shape(_) | Form::Past, Expr::StringConstant(name, at)) => {
                self.field(form, name, *at)
            }
            _ => Form::Unknown,
        }
    }

    fn field(&mut self, form: Form, name: &str, at: Position) -> Form {
        if !self.report.properties.contains(name) {
            self.report.properties.insert(name.to_owned());
        }
        let Form::Shape(shape) = form else {
            if let (Form::Past, Some(declared)) = (form, &self.declared)
                && !declared.iter().any(|known| known == name)
            {
                let hint = did_you_mean(name, declared.iter().map(String::as_str));
                let message = format!("the rule declares no history `{name}`");
                self.fault(fault::FIELD, at, message, hint);
            }
            return Form::Unknown;
        };
        if let Some(field) = shape.field(name) {
            return field.holds.form();
        }
        let message = format!("{} has no field `{name}`", shape.name);
        self.fault(fault::FIELD, at, message, shape.hint(name));
        Form::Unknown
    }
}

impl Form {
    /// The form of what a rule's closure gets.
    const EVENT: Self = Self::Shape(&facts::EVENT);

    fn name(self) -> &'static str {
        match self {
            Self::Shape(shape) => shape.name,
            Self::Free => "free",
            Self::Past => "past",
            Self::Unknown => "",
        }
    }
}

impl Holds {
    fn form(self) -> Form {
        match self {
            Self::Shape(shape) => Form::Shape(shape),
            Self::Free => Form::Free,
            Self::Past => Form::Past,
            Self::Plain(_) => Form::Unknown,
        }
    }
}

/// A closure as it stands in an expression.
struct Closure {
    name: Arc<str>,
    /// How many of its first parameters are captured variables.
    captured: usize,
}

impl Closure {
    /// Recognises a closure, with or without captured variables.
    fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::DynamicConstant(value, _) => {
                let pointer = value.read_lock::<rhai::FnPtr>()?;
                Some(Self {
                    name: pointer.fn_name().into(),
                    captured: pointer.curry().len(),
                })
            }
            Expr::FnCall(call, _) => Self::curried(call),
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Share(_), Stmt::Expr(inner)] => Self::of(inner),
                [Stmt::Share(_), Stmt::FnCall(call, _)] => Self::curried(call),
                _ => None,
            },
            _ => None,
        }
    }

    /// Recognises a closure with captured variables.
    fn curried(call: &FnCallExpr) -> Option<Self> {
        if call.name != "curry" {
            return None;
        }
        Some(Self {
            captured: call.args.len() - 1,
            ..Self::of(call.args.first()?)?
        })
    }
}
