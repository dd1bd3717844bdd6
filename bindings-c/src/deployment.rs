//! Deployments: whole modules that run under a name.

use std::mem::MaybeUninit;

use facetbox::Deployment;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::namespace::facetbox_namespace_t;
use crate::request::facetbox_request_t;
use crate::response::facetbox_response_t;
use crate::runtime::facetbox_runtime_t;
use crate::slice::facetbox_str_t;
use crate::stub::facetbox_stub_t;
use crate::value::{facetbox_value_t, list};
use crate::worker_code::facetbox_worker_code_t;

/// A whole module that runs under a name: its classes are namespaces, its default export answers
/// requests. All handles of one name see the version that was deployed last.
///
/// Threads: any.
pub struct facetbox_deployment_t(Deployment);

impl facetbox_deployment_t {
    /// A handle of `deployment`.
    pub fn boxed(deployment: Deployment) -> Box<facetbox_deployment_t> {
        Box::new(facetbox_deployment_t(deployment))
    }
}

/// Runs a whole module that you trust, with supervisors and a fetch handler, such as one that was written
/// for Cloudflare Workers. Each class that it exports and that extends DurableObject becomes the
/// namespace `name/Class`, which its own code reaches as `ctx.exports.Class`. Its env is that of `code`
/// with the entries of the map `env` put over it, and has a Worker Loader as `LOADER` unless one of them
/// says otherwise.
///
/// Deploying a name again replaces its code once the new code has been evaluated: objects that run fail
/// what they are doing with RESET, new stubs reach the new code, data stays. Blocks until the module has
/// been evaluated, which runs guest code on this thread.
///
/// Fails with LOAD_ERROR if the module doesn't load or exports nothing to run, GUEST_ERROR for what it
/// throws when it is evaluated, the codes of limits, INVALID_ARGUMENT for a name that is empty, has a NUL,
/// or would bind a namespace that is bound to something else, UNSUPPORTED, CLOSED, FORKED. Nothing has
/// changed then.
///
/// Owns: the caller, `*out`; `code` and `env` are borrowed.
/// Null: NULL `env` adds nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_deploy(
    runtime: Option<&facetbox_runtime_t>,
    name: facetbox_str_t,
    code: Option<&facetbox_worker_code_t>,
    env: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_deployment_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (runtime, out) = (required(runtime, "runtime")?.get(), required(out, "out")?);
        let code = required(code, "code")?.get().clone();
        let env = facetbox_value_t::map(env, "env")?;
        let deployment = runtime.deploy(name.read("name")?, code, env)?;
        out.write(facetbox_deployment_t::boxed(deployment));
        Ok(())
    })
}

/// The deployment's name.
///
/// Owns: borrowed from `deployment`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_name(
    deployment: Option<&facetbox_deployment_t>,
) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(deployment.map(|deployment| deployment.0.name())))
}

/// Writes the names of the classes that it exports into `*out`, a sorted list of texts.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_class_names(
    deployment: Option<&facetbox_deployment_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let names = required(deployment, "deployment")?.0.class_names();
        write(out, facetbox_value_t::boxed(list(names)))
    })
}

/// The namespace of an exported class; NOT_FOUND if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_namespace(
    deployment: Option<&facetbox_deployment_t>,
    class_name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_namespace_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let deployment = &required(deployment, "deployment")?.0;
        let namespace = deployment.namespace(class_name.read("class_name")?)?;
        write(out, facetbox_namespace_t::boxed(namespace))
    })
}

/// A stub of an exported entrypoint, which keeps to the code that is deployed now; `"default"` names the
/// default export. NOT_FOUND if there is none.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_get_entrypoint(
    deployment: Option<&facetbox_deployment_t>,
    name: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(deployment, "deployment")?.0.get_entrypoint(name.read("name")?)?;
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// The stub that requests to the deployment go through, of its default export as it is deployed now: for
/// requests that are asynchronous or may be cancelled. NOT_FOUND if it has no fetch handler.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_fetcher(
    deployment: Option<&facetbox_deployment_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_stub_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let stub = required(deployment, "deployment")?.0.fetcher()?;
        write(out, facetbox_stub_t::boxed(stub))
    })
}

/// Sends a request to the default export's fetch handler and blocks until it is answered, as
/// `facetbox_stub_fetch` does. NOT_FOUND if there is no such handler.
///
/// Owns: the caller, `*out`; `request` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_fetch(
    deployment: Option<&facetbox_deployment_t>,
    request: Option<&facetbox_request_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_response_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let deployment = &required(deployment, "deployment")?.0;
        let (request, out) = (required(request, "request")?.get().clone(), required(out, "out")?);
        out.write(facetbox_response_t::boxed(deployment.fetch_blocking(request)?));
        Ok(())
    })
}

/// Frees a deployment's handle; the module goes on running.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_deployment_free(deployment: Option<Box<facetbox_deployment_t>>) {
    guard(|| drop(deployment));
}
