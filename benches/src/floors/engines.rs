//! Both engines without anything of ours.

use rquickjs::{Context, Function, Module, Persistent};

use super::Result;
use crate::guests::Guest;
use crate::job::Job;

/// The kind of computation and its size.
fn computation(job: &Job) -> Result<(&str, i32)> {
    match job.args.as_slice() {
        [kind, count] => {
            let count = count.as_i64().ok_or("the size is a number")?;
            Ok((kind.as_str().ok_or("the kind is a text")?, i32::try_from(count)?))
        }
        _ => Err("a kind and a size are wanted".into()),
    }
}

/// A Luau state with the libraries and the sandbox of Luau itself.
pub struct BareLuau {
    empty: mlua::Function,
    compute: mlua::Table,
    _state: mlua::Lua,
}

impl BareLuau {
    pub fn new() -> Result<BareLuau> {
        let state = mlua::Lua::new();
        state.sandbox(true)?;
        let compute = state.load(Guest::Luau.compute()).eval()?;
        let empty = state.load("return function() end").eval()?;
        Ok(BareLuau { empty, compute, _state: state })
    }

    pub fn call(&self) -> Result<()> {
        Ok(self.empty.call(())?)
    }

    pub fn compute(&self, job: &Job) -> Result<()> {
        let (kind, count) = computation(job)?;
        let function: mlua::Function = self.compute.get(kind)?;
        function.call::<f64>(count)?;
        Ok(())
    }
}

/// A QuickJS runtime with its built-in objects. The functions go before the context that they live in.
pub struct BareJs {
    empty: Persistent<Function<'static>>,
    compute: Persistent<rquickjs::Object<'static>>,
    context: Context,
}

impl BareJs {
    pub fn new() -> Result<BareJs> {
        let context = Context::full(&rquickjs::Runtime::new()?)?;
        let (empty, compute) = context.with(|ctx| {
            let empty: Function = ctx.eval("(function () {})")?;
            let declared = Module::declare(ctx.clone(), "compute", Guest::Js.compute())?;
            let (module, evaluated) = declared.eval()?;
            evaluated.finish::<()>()?;
            let compute = module.namespace()?;
            rquickjs::Result::Ok((Persistent::save(&ctx, empty), Persistent::save(&ctx, compute)))
        })?;
        Ok(BareJs { empty, compute, context })
    }

    pub fn call(&self) -> Result<()> {
        Ok(self.context.with(|ctx| self.empty.clone().restore(&ctx)?.call(()))?)
    }

    pub fn compute(&self, job: &Job) -> Result<()> {
        let (kind, count) = computation(job)?;
        self.context.with(|ctx| {
            let function: Function = self.compute.clone().restore(&ctx)?.get(kind)?;
            function.call::<_, f64>((count,))
        })?;
        Ok(())
    }
}
