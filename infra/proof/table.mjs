// Reads table.md. Its tables are the expectations, written by hand; the text around
// them is ignored.
import { readFileSync } from 'node:fs'

const cells = (line) => line.trim().replace(/^\||\|$/g, '').split('|').map((c) => c.trim())

// Returns every table of the file: its columns, and rows with their line.
function tables(path) {
  const found = []
  let rows = null
  readFileSync(path, 'utf8').split('\n').forEach((line, i) => {
    if (!line.startsWith('|')) {
      rows = null
      return
    }
    const values = cells(line)
    if (!rows) return found.push((rows = { columns: values, rows: [] }))
    if (values.every((v) => /^:?-+:?$/.test(v))) return
    if (values.length !== rows.columns.length) throw new Error(`${at(path, i + 1)}: ${values.length} cells under ${rows.columns.length} columns`)
    rows.rows.push({ at: at(path, i + 1), ...Object.fromEntries(rows.columns.map((c, n) => [c, values[n]])) })
  })
  return found
}

const at = (path, line) => `${String(path).split('/').pop()}:${line}`
const code = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1])
const split = (cell, by) => cell.split(by).map((s) => s.trim()).filter(Boolean)
const list = (cell) => split(cell, ',')
// Names that contain a comma are separated by semicolons.
const resources = (cell, known) => (cell.includes(';') ? split(cell, ';') : known.has(cell) ? [cell] : list(cell))

// "key=value" pairs; a value ends where the next key begins.
export function pairs(cell) {
  const out = {}
  for (const pair of code(cell)) {
    const [key, ...value] = pair.split('=')
    if (!value.length) throw new Error(`${pair} is not key=value`)
    out[key] = value.join('=')
  }
  return out
}

// Turns "service: A, B" into [service:A, service:B].
function actions(row) {
  const [service, names] = row.action.split(/:\s*/)
  if (!names) throw new Error(`${row.at}: ${row.action} is not "service: Action, Action"`)
  return list(names).map((name) => `${service}:${name}`)
}

export function answer(row, column) {
  if (row[column] !== 'yes' && row[column] !== 'no') throw new Error(`${row.at}: ${column} is ${row[column] || 'empty'}, not yes or no`)
  return row[column] === 'yes'
}

// The columns by which the kind of a table is recognised.
const kinds = {
  deployments: ['deployment', 'template'],
  names: ['name', 'ARN'],
  rights: ['action', 'on', 'slack'],
  resourceAccess: ['who', 'action', 'on', 'answer'],
  memberRights: ['action', 'on', 'revoker'],
  trust: ['case', 'call', 'caller', 'target'],
  revokerTrust: ['case', 'call', 'caller', 'revoker'],
}

export function read(path) {
  const out = { deployments: [], names: [], rights: [], resourceAccess: [], memberRights: [], trust: [], revokerTrust: [], columns: {} }
  for (const t of tables(path)) {
    const kind = Object.keys(kinds).find((k) => kinds[k].every((c) => t.columns.includes(c)))
    if (!kind) throw new Error(`${path}: a table with unknown columns: ${t.columns}`)
    if (out.columns[kind] && `${out.columns[kind]}` !== `${t.columns}`) throw new Error(`${path}: two tables of the kind ${kind} have different columns`)
    out.columns[kind] = t.columns
    out[kind].push(...t.rows)
  }
  const called = new Set(out.names.map((n) => n.name))
  const aboutActions = [...out.rights, ...out.memberRights, ...out.resourceAccess]
  const aboutTrust = [...out.trust, ...out.revokerTrust]
  for (const row of aboutActions) Object.assign(row, { actions: actions(row), resources: resources(row.on, called) })
  for (const row of [...out.names, ...aboutActions, ...aboutTrust]) row.deployments = list(row.when)
  const origins = (r) => [...(r.from ?? '').matchAll(/<([^>]+)>/g)].map((m) => m[1])
  const used = new Set(aboutActions.flatMap((r) => [...r.resources, r.who, ...origins(r)]).concat(aboutTrust.map((r) => r.caller)))
  for (const row of out.names) if (!used.has(row.name)) throw new Error(`${row.at}: no row uses ${row.name}`)
  const known = new Set(out.deployments.map((d) => d.deployment))
  for (const row of [...out.names, ...aboutActions, ...aboutTrust]) {
    for (const d of row.deployments) if (!known.has(d)) throw new Error(`${row.at}: there is no deployment ${d}`)
  }
  return out
}

// iam-simulate knows the keys of an encryption context only by this general name, and SSM
// passes such a key. So policies and contexts use the general name here.
export const encryptionContext = (text) => text.replaceAll('kms:EncryptionContext:PARAMETER_ARN', 'kms:EncryptionContext:${EncryptionContextKey}')

export const holds = (row, deployment) => row.deployments.length === 0 || row.deployments.includes(deployment)

// Returns what a name means in one deployment: [{arn, context}]. {Table.Arn} is the value
// of GetAtt there, {account} and the like are those of the deployment.
export function names(table, deployment, translated) {
  const p = translated.pseudo
  const known = { ...translated.names, partition: p['AWS::Partition'], region: p['AWS::Region'], account: p['AWS::AccountId'] }
  return (name, row) => {
    const found = table.names.filter((r) => r.name === name && holds(r, deployment))
    if (found.length !== 1) throw new Error(`${row.at}: ${found.length} names ${name} in ${deployment}`)
    const fill = (text) => text.replace(/\{([^}]+)\}/g, (_, id) => {
      if (!(id in known)) throw new Error(`${found[0].at}: ${deployment} has no ${id}`)
      return known[id]
    })
    const context = Object.fromEntries(Object.entries(pairs(found[0].context)).map(([k, v]) => [encryptionContext(k), fill(v)]))
    return code(found[0].ARN).map((arn) => ({ name, arn: fill(arn), context }))
  }
}
