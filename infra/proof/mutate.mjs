// Breaks every statement in turn, in one place at a time. Some answer of the table must
// then change. If none does, the table lacks a row.
import { list } from './judge.mjs'

const copy = (s, change) => ({ ...structuredClone(s), ...change })
const without = (o, key) => Object.fromEntries(Object.entries(o).filter(([k]) => k !== key))
const replaced = (items, i, by) => items.map((item, n) => (n === i ? by : item))

// Every way in which a statement is made wider (an Allow) or weaker (a Deny).
function* mutants(s, kind) {
  yield* s.Effect === 'Deny' ? [{ how: 'left out', statement: null }] : widened(s, kind)
  yield* conditions(s)
}

function* widened(s, kind) {
  const actions = list(s.Action)
  for (const service of new Set(services(s))) yield { how: `Action ${service}:*`, statement: copy(s, { Action: [...actions, `${service}:*`] }) }
  // A resource's policy has no effect on other resources.
  const resources = kind === 'resource' ? [] : list(s.Resource)
  for (const [i, r] of resources.entries()) {
    for (const wider of wide(r)) yield { how: `Resource ${wider}`, statement: copy(s, { Resource: replaced(resources, i, wider) }) }
  }
  if (s.Principal && s.Principal !== '*') yield { how: 'Principal *', statement: copy(s, { Principal: '*' }) }
  if (s.Condition) yield { how: 'no Condition', statement: without(s, 'Condition') }
}

// Wider ARNs: everything, a wildcard at the end, one level up, any account, any Region.
function wide(arn) {
  const parts = arn.split(':')
  const out = ['*']
  if (parts.length > 5) {
    if (!arn.endsWith('*')) out.push(`${arn}*`)
    out.push(arn.replace(/[^/:]+(\/\*|:\*)?$/, '*'))
    if (parts[4]) out.push(replaced(parts, 4, '*').join(':'))
    if (parts[3]) out.push(replaced(parts, 3, '*').join(':'))
  }
  return new Set(out.filter((w) => w !== arn))
}

function* conditions(s) {
  for (const [operator, tests] of Object.entries(s.Condition ?? {})) {
    for (const [key, value] of Object.entries(tests)) {
      const rest = without(tests, key)
      const others = without(s.Condition, operator)
      const dropped = Object.keys(rest).length ? { ...others, [operator]: rest } : others
      const less = Object.keys(dropped).length ? { ...s, Condition: dropped } : without(s, 'Condition')
      const other = (values) => copy(s, { Condition: { ...s.Condition, [operator]: { ...tests, [key]: values } } })
      // Each value of a list must be needed.
      for (const v of list(value)) {
        const left = list(value).filter((w) => w !== v)
        if (left.length) yield { how: `${key} without ${v}`, statement: other(left) }
      }
      // A Deny with fewer conditions denies more, so a "yes" of the table must change.
      yield { how: `without ${operator} ${key}`, statement: structuredClone(less) }
      if (s.Effect === 'Deny') continue
      for (const [i, v] of list(value).entries()) {
        if (/(Like|^Arn)/.test(operator) && !v.endsWith('*')) yield { how: `${key} ${v}*`, statement: other(replaced(list(value), i, `${v}*`)) }
      }
    }
  }
}

// Whether a statement concerns a call: it belongs to the calling role, or to the resource.
export function concerns(g, c, call) {
  return g.kind === 'identity' ? c.holder === g.holder : call.arn === g.holder || call.arn.startsWith(`${g.holder}/`)
}

// Returns the call with one statement changed.
function changed(call, g, statement) {
  const swap = (document) => {
    const kept = list(document.Statement).flatMap((s) => (JSON.stringify(s) === JSON.stringify(g.statement) ? (statement ? [statement] : []) : [s]))
    return kept.length ? { ...document, Statement: kept } : undefined
  }
  if (g.kind === 'resource') return { ...call, resource: swap(call.resource) }
  // The revoker's policy is its boundary too, so a change of the one is a change of the other.
  return { ...call, identity: call.identity.map(swap).filter(Boolean), ...(call.limits && { limits: call.limits.map(swap).filter(Boolean) }) }
}

const services = (statement) => list(statement?.Action).map((a) => a.split(':')[0])

async function noticedBy(near, g, statement, verdict) {
  const touched = new Set([...services(g.statement), ...services(statement)])
  for (const c of near.filter((c) => c.calls.some((call) => touched.has(call.action.split(':')[0])))) {
    const calls = c.calls.map((call) => (concerns(g, c, call) ? changed(call, g, statement) : call))
    if ((await verdict({ calls })) !== c.want) return c
  }
  return null
}

// Prints how many mutants there are, and which of them no row noticed.
export async function mutate(all, granted, { verdict, breaksRule }, printAll) {
  const survivors = [], red = []
  let ruled = 0
  for (const g of granted) {
    const near = all.filter((c) => c.deployment === g.deployment && c.calls.some((call) => concerns(g, c, call)))
    for (const { how, statement } of mutants(g.statement, g.kind)) {
      const says = `${g.deployment}: ${g.says}: ${how}`
      const row = await noticedBy(near, g, statement, verdict)
      if (row) red.push(`  ${says}\n    noticed: ${row.at} ${row.says}, ${row.want ? 'yes' : 'no'} expected`)
      else if (statement && breaksRule(statement)) ruled++ // no row notices, but the rule does
      else survivors.push(says)
    }
  }
  const made = red.length + ruled + survivors.length
  console.log(`iam: ${made} mutants: ${red.length} were noticed by a row, ${ruled} by the rule against patterns, ${survivors.length} by nothing`)
  for (const line of red.filter((_, i) => printAll || i % Math.ceil(red.length / 5) === 0)) console.log(line)
  for (const s of survivors) console.error(`not noticed: ${s}`)
  return survivors
}
