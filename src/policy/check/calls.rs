//! The check of calls: registrations, effects, and every other function.

use rhai::{Dynamic, Expr, FnCallExpr, Position};

use super::{Checker, Closure, Form, Reach};
use crate::domain::nearest::did_you_mean;
use crate::policy::{
    calendar,
    effects::{Arguments, EFFECTS, EffectForm},
    fault,
    kinds::{KINDS, Kind},
    names::{native, native_arities},
    spec::{self, Key, Takes, Wrong},
};

impl Checker<'_> {
    /// Checks a call and its arguments.
    pub(super) fn call(&mut self, call: &FnCallExpr, at: Position, reach: &mut Reach) -> Form {
        if !call.namespace.is_empty() {
            self.qualified(call, at, reach);
            return Form::Unknown;
        }
        let name = call.name.as_str();
        if call.is_operator_call() {
            self.arguments(call, reach);
        } else if self.file.defines(name) {
            self.own(call, at, reach);
        } else if let Some(kind) = KINDS.iter().find(|kind| kind.name == name) {
            self.registration(kind, call, at, reach);
        } else if let Some(effect) = EFFECTS.iter().find(|effect| effect.name == name) {
            self.effect(effect, call, at, reach);
        } else {
            self.arguments(call, reach);
            self.known(name, call.args.len(), at);
        }
        Form::Unknown
    }

    /// Checks a call in the style of a method.
    pub(super) fn method(&mut self, call: &FnCallExpr, at: Position, reach: &mut Reach) {
        self.arguments(call, reach);
        let name = call.name.as_str();
        if self.file.function(name, call.args.len()).is_none() && name != "call" && name != "curry"
        {
            self.known(name, call.args.len() + 1, at);
        }
    }

    fn arguments(&mut self, call: &FnCallExpr, reach: &mut Reach) -> Vec<Form> {
        call.args
            .iter()
            .map(|argument| self.expression(argument, reach))
            .collect()
    }

    fn known(&mut self, name: &str, arity: usize, at: Position) {
        match native(name, arity) {
            Some(true) => {}
            Some(false) => {
                let message = format!(
                    "`{name}` takes {}, not {arity}",
                    counted(&native_arities(name))
                );
                self.fault(fault::FUNCTION, at, message, None);
            }
            None => {
                let hint = self.file.nearest_function(name);
                let message = format!("there is no function `{name}`");
                self.fault(fault::FUNCTION, at, message, hint);
            }
        }
    }

    /// Checks a call of a function of the same file, and follows the facts into it.
    fn own(&mut self, call: &FnCallExpr, at: Position, reach: &mut Reach) {
        let forms = self.arguments(call, reach);
        match self.file.function(&call.name, forms.len()).cloned() {
            Some(definition) => {
                if forms.iter().any(|form| matches!(form, Form::Shape(_))) {
                    self.function(&definition, &forms);
                }
            }
            None if native(&call.name, forms.len()) == Some(true) => {}
            None => {
                let message = format!(
                    "the function `{}` of this file does not take {} arguments",
                    call.name,
                    forms.len()
                );
                self.fault(fault::FUNCTION, at, message, None);
            }
        }
    }

    fn qualified(&mut self, call: &FnCallExpr, at: Position, reach: &mut Reach) {
        self.arguments(call, reach);
        let root = call
            .namespace
            .path
            .first()
            .map_or("", |first| first.as_str());
        let Some(path) = self.aliases.get(root) else {
            let hint = did_you_mean(root, self.aliases.keys().map(String::as_str));
            let message = format!("nothing is imported as `{root}`");
            return self.fault(fault::IMPORT, call.namespace.position(), message, hint);
        };
        if call.namespace.path.len() > 1 {
            return;
        }
        let library = self.library;
        let Some(file) = library.file(path) else {
            return;
        };
        if file.function(&call.name, call.args.len()).is_none() {
            let names = file
                .named_functions()
                .map(|definition| definition.name.as_str());
            let hint = did_you_mean(&call.name, names);
            let message = format!(
                "`{}` has no function `{}` with {} arguments",
                file.path,
                call.name,
                call.args.len()
            );
            self.fault(fault::FUNCTION, at, message, hint);
        }
    }

    fn registration(
        &mut self,
        kind: &'static Kind,
        call: &FnCallExpr,
        at: Position,
        reach: &mut Reach,
    ) {
        self.report.registrations.push((kind.name, at));
        if let (calendar::KIND_NAME, Some(Expr::StringConstant(name, _))) =
            (kind.name, call.args.first())
        {
            self.report.calendars.insert(name.to_string());
        }
        self.report.spots.note(at, &call.args);
        if call.args.len() != kind.arity() {
            let message = format!("`{}` is written `{}`", kind.name, kind.signature);
            self.fault(fault::FUNCTION, at, message, None);
            self.arguments(call, reach);
            return;
        }
        let Some((last, before)) = call.args.split_last() else {
            return;
        };
        for argument in before {
            self.expression(argument, reach);
        }
        if kind.takes_event {
            self.literal(None, Takes::Events, &before[0]);
        }
        self.declared = declared_in(last);
        self.map(kind.keys, last, at, reach);
        self.declared = None;
    }

    fn effect(&mut self, effect: &EffectForm, call: &FnCallExpr, at: Position, reach: &mut Reach) {
        match effect.takes {
            Arguments::Map(keys) if call.args.len() == 1 => {
                self.map(&[keys], &call.args[0], at, reach);
            }
            Arguments::Values(keys) if call.args.len() == keys.len() => {
                for (key, argument) in keys.iter().zip(&call.args) {
                    self.expression(argument, reach);
                    self.literal(Some(key.name), key.takes, argument);
                }
            }
            Arguments::Map(_) | Arguments::Values(_) => {
                self.arguments(call, reach);
                let message = format!("`{}` is written `{}`", effect.name, effect.signature());
                self.fault(fault::FUNCTION, at, message, None);
            }
        }
    }

    /// Checks a map that is written out; another is left to the run.
    fn map(&mut self, groups: &[&[Key]], map: &Expr, at: Position, reach: &mut Reach) {
        let Expr::Map(members, _) = map else {
            self.expression(map, reach);
            return;
        };
        for (name, value) in &members.0 {
            let Some(key) = spec::find(groups, name.as_str()) else {
                self.wrong(spec::unknown(groups, name.as_str()), name.pos);
                self.expression(value, reach);
                continue;
            };
            self.literal(Some(key.name), key.takes, value);
            match (key.takes, Closure::of(value)) {
                (Takes::Closure | Takes::Key | Takes::Timer, Some(closure)) => {
                    self.closure(&closure, &[Form::EVENT], reach);
                }
                (Takes::Calculation, Some(closure)) => {
                    self.closure(&closure, &[Form::Free], reach);
                }
                _ => {
                    self.expression(value, reach);
                }
            }
        }
        let holds = |name: &str| members.0.iter().any(|(key, _)| key.as_str() == name);
        for wrong in spec::absent(groups, holds) {
            self.wrong(wrong, at);
        }
    }

    /// Checks a value that is written out; another is left to the run.
    fn literal(&mut self, key: Option<&str>, takes: Takes, value: &Expr) {
        // What holds maps of its own is looked at as a value: its parts have no places here.
        if takes.is_deep() {
            return;
        }
        if let (
            Expr::Array(items, _),
            Takes::Actions
            | Takes::Alerts
            | Takes::Askers
            | Takes::Events
            | Takes::Metrics
            | Takes::Recipients
            | Takes::Roles
            | Takes::Teams
            | Takes::Texts,
        ) = (value, takes)
            && !items.is_empty()
        {
            for item in items {
                if let Some(found) = item.get_literal_value(None) {
                    let one = Dynamic::from_array(vec![found]);
                    self.checked(key, takes, &one, item.start_position());
                }
            }
        } else if let Some(found) = value.get_literal_value(None) {
            self.checked(key, takes, &found, value.start_position());
        }
    }

    fn checked(&mut self, key: Option<&str>, takes: Takes, value: &Dynamic, at: Position) {
        if let Err(mut wrong) = takes.check(value, self.directory) {
            if let Some(key) = key {
                wrong.message = format!("`{key}`: {}", wrong.message);
            }
            self.wrong(wrong, at);
        }
    }

    fn wrong(&mut self, wrong: Wrong, at: Position) {
        self.fault(wrong.code, at, wrong.message, wrong.hint);
    }
}

/// Gives the histories that the map of a registration declares; `None` where that cannot be seen.
fn declared_in(map: &Expr) -> Option<Vec<String>> {
    let Expr::Map(members, _) = map else {
        return None;
    };
    let found = members.0.iter().find(|(key, _)| key.as_str() == "history");
    match found {
        None => Some(Vec::new()),
        Some((_, Expr::Map(listed, _))) => {
            let names = listed.0.iter().map(|(name, _)| name.as_str().to_owned());
            Some(names.collect())
        }
        Some((_, value)) => {
            let literal = value.get_literal_value(None)?;
            let named = literal.as_map_ref().ok()?;
            Some(named.keys().map(ToString::to_string).collect())
        }
    }
}

fn counted(arities: &str) -> String {
    if arities == "1" {
        "1 argument".to_owned()
    } else {
        format!("{arities} arguments")
    }
}
