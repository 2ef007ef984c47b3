"""How the page looks: one style sheet for screens of any width, light and dark."""

STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8882; --bad: #b71c1c; --good: #1b5e20; --mute: #666 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c784; --mute: #aaa } }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 84rem; padding: 1rem 1.25rem 3rem }
h1 { font-size: 1.3rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .3rem; scroll-margin-top: 3rem }
h2 span, .note { color: var(--mute); font-weight: normal }
p.note { margin: .2rem 0 }
p.set { border-left: .25rem solid var(--bad); margin: .6rem 0; padding: .1rem .6rem }
nav { background: Canvas; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .1rem 1.1rem;
  margin: .5rem 0 0; padding: .4rem 0; position: sticky; top: 0 }
nav a { color: LinkText; text-decoration: none; white-space: nowrap }
nav a:hover { text-decoration: underline }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top }
th { color: var(--mute); font-weight: 600; white-space: nowrap }
td { min-width: min(12.5rem, 18vw); overflow-wrap: anywhere }
td.short { overflow-wrap: normal; white-space: nowrap; min-width: 0 }
td div + div { margin-top: .15rem }
code { background: var(--soft); border-radius: .25rem; box-decoration-break: clone; padding: .05rem .3rem;
  -webkit-box-decoration-break: clone }
.bad { color: var(--bad) } .good { color: var(--good) }
@media (max-width: 60rem) {
  body { padding: .75rem .75rem 3rem }
  nav { position: static }
  thead { display: none }
  tr { border-bottom: 1px solid var(--line); display: block; padding: .45rem 0 }
  td, td.short { border: 0; display: block; overflow-wrap: anywhere; padding: 0; white-space: normal }
  td.short { display: inline-block; padding-right: .9rem }
  td:first-child { font-weight: 600 }
  td:not(:first-child)[data-head]::before { color: var(--mute); content: attr(data-head) " "; font-weight: normal }
  td:empty { display: none }
  td div { display: inline }
  td div + div::before { color: var(--mute); content: " · " }
}
"""
