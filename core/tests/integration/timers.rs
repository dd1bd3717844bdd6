//! Timers that are overdue together run in the order in which they were due.

use facetbox::{Result, Runtime, WorkerCode};

use crate::support::{app, own};

/// Sets timers, keeps the turn until they are overdue, and reads what they have noted. The first clears another one.
fn run_in_order(code: WorkerCode) -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, code)?;
    stub.call_blocking("set", vec![])?;
    let noted = || stub.call_blocking("get_noted", vec![]);
    let mut last = noted()?;
    while last.as_str().is_none_or(|text| text.len() < 9) {
        last = noted()?;
    }
    assert_eq!(last.as_str(), Some("abcdefghi"));
    Ok(())
}

#[test]
fn timers_that_are_overdue_run_in_the_order_in_which_they_were_due() -> Result<()> {
    run_in_order(app("
        function App:set()
            self.noted = ''
            local function note(name, delay)
                return setTimeout(function() self.noted ..= name end, delay)
            end
            local never = note('x', 12)
            note('i', 45) note('h', 40) note('g', 35) note('e', 20) note('f', 20)
            note('d', 15) note('c', 9) note('b', 8)
            setTimeout(function() 
                self.noted ..= 'a'
                clearTimeout(never)
                local start = os.clock()
                while os.clock() < start + 0.07 do end
            end, 0)
        end
        function App:get_noted() return self.noted end"))
}

#[cfg(feature = "quickjs")]
fn javascript(waits: bool) -> WorkerCode {
    let wait = if waits { "await new Promise((done) => setTimeout(done, 60));" } else { "" };
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class App extends DurableObject {{
            noted = '';
            async set() {{
                const note = (name, delay) => setTimeout(() => (this.noted += name), delay);
                const [never, ...others] = Object.entries({{ x: 12, i: 45, h: 40, g: 35, e: 20, f: 20, d: 16, c: 12, b: 8 }});
                // Once more if it has paused between them: they would be due in another order.
                let timers = [], begun;
                do {{
                    timers.forEach((timer) => clearTimeout(timer));
                    begun = Date.now();
                    const first = note(...never);
                    timers = [first, ...others.map((other) => note(...other))];
                    timers.push(setTimeout(() => {{ this.noted += 'a'; clearTimeout(first); }}, 0));
                }} while (Date.now() > begun + 2);
                for (const start = Date.now(); Date.now() < start + 70; );
                {wait}
            }}
            get_noted() {{ return this.noted; }}
        }}"
    );
    WorkerCode::js(source)
}

#[cfg(feature = "quickjs")]
#[test]
fn timers_of_javascript_that_an_event_waits_for_do_so() -> Result<()> {
    run_in_order(javascript(true))
}

#[cfg(feature = "quickjs")]
#[test]
fn timers_of_javascript_that_an_event_leaves_behind_do_so() -> Result<()> {
    run_in_order(javascript(false))
}
