// Proves table.md against the template: every call in it is judged by
// iam-simulate, and must be answered as the table says.
//
//   prove.mjs           the table, and that nothing is granted that it does not name
//   prove.mjs --mutate  also widens every statement in turn, and wants red each time;
//                       with --all says which row was red each time
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as cases from './cases.mjs'
import { allowed, count, list, statements } from './judge.mjs'
import { concerns, mutate } from './mutate.mjs'
import { encryptionContext, pairs, read } from './table.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const externalID = 'x7Kq2mZ9-external-id-of-the-proof'
const partitions = { aws: ['eu-west-1', 'amazonaws.com'], 'aws-us-gov': ['us-gov-west-1', 'amazonaws.com'] }
const bastion = '111111111111', member = '222222222222'

function deployment(row, all) {
  const [region, suffix] = partitions[row.partition] ?? cry(`${row.at}: the partition ${row.partition} is not known`)
  const first = all.find((r) => r.template === row.template)
  const account = row.bastion ? member : bastion
  return {
    name: row.deployment, template: row.template,
    parameters: { ...(row.bastion && { ExternalId: externalID, BastionAccountId: bastion }), ...pairs(first.parameters), ...pairs(row.parameters) },
    pseudo: {
      'AWS::AccountId': account, 'AWS::Region': region, 'AWS::Partition': row.partition, 'AWS::URLSuffix': suffix,
      'AWS::StackName': 'access', 'AWS::StackId': `arn:${row.partition}:cloudformation:${region}:${account}:stack/access/1`, 'AWS::NotificationARNs': [],
    },
  }
}

function cry(message) {
  throw new Error(message)
}

function translate(table) {
  const input = JSON.stringify(table.deployments.map((row) => deployment(row, table.deployments)))
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const out = spawnSync(process.env.PYTHON ?? 'python3', [`${here}translate.py`], { input, env, cwd: `${here}../..`, maxBuffer: 1 << 28, encoding: 'utf8' })
  if (out.status !== 0) cry(out.error?.message ?? out.stderr.trim())
  return JSON.parse(encryptionContext(out.stdout))
}

// What holds for every statement, without a row: an action is named whole.
function unruly(s) {
  const open = ['NotAction', 'NotResource', 'NotPrincipal'].find((k) => k in s)
  if (s.Effect === 'Allow' && open) return `allows by ${open}`
  const pattern = s.Effect === 'Allow' && list(s.Action).find((a) => /[*?]/.test(a))
  return pattern ? `allows ${pattern}, a pattern` : ''
}

// And for every deployment: statements are in the template, routes lead to slack,
// target roles last an hour and have a boundary.
function shape(name, d, granted) {
  const wrong = granted.filter((g) => g.deployment === name && unruly(g.statement)).map((g) => `${name}: ${g.says} ${unruly(g.statement)}`)
  for (const [id, role] of Object.entries(d.roles)) {
    if (!d.bastion) for (const arn of role.foreign) wrong.push(`${name}: ${id} has ${arn}, whose statements are not in the template`)
    if (d.bastion && role.session !== 3600) wrong.push(`${name}: sessions of ${id} last up to ${role.session} s, not 3600`)
    if (d.bastion && !role.boundary) wrong.push(`${name}: ${id} has no permissions boundary`)
  }
  for (const route of d.routes) {
    if (!d.functions.SlackFunction?.arns.includes(route.calls)) wrong.push(`${name}: the route ${route.route} leads to ${route.calls}, not to slack`)
  }
  return wrong
}

async function verdict(c) {
  for (const call of c.calls) if (!(await allowed(call))) return false
  return true
}

async function judge(all) {
  const wrong = []
  for (const c of all) {
    const got = await verdict(c).catch((e) => cry(`${c.at}: ${e.message}`))
    if (got !== c.want) wrong.push(`${c.at} [${c.deployment}] ${c.says}: is ${got ? 'allowed' : 'refused'}, the table says ${c.want ? 'yes' : 'no'}`)
  }
  return wrong
}

// Each action with each resource of each Allow, by itself, must be what some
// "yes" of the table needs: else it is granted and nobody said so.
async function unnamed(all, granted) {
  const wrong = []
  const yes = all.filter((c) => c.want)
  for (const g of granted) {
    for (const one of singles(g.statement)) {
      const named = await some(yes.filter((c) => c.deployment === g.deployment), g, one)
      if (!named) wrong.push(`${g.deployment}: ${g.says} allows ${one.Action} on ${one.Resource ?? 'itself'}, and no "yes" of the table needs it`)
    }
  }
  return wrong
}

async function some(yes, g, one) {
  const document = { Version: '2012-10-17', Statement: one }
  for (const c of yes) {
    for (const call of c.calls.filter((call) => call.action.toLowerCase() === one.Action.toLowerCase() && concerns(g, c, call))) {
      if (await allowed(g.kind === 'resource' ? { ...call, resource: document } : { ...call, identity: [document] })) return true
    }
  }
  return false
}

function singles(s) {
  if (s.Effect !== 'Allow') return []
  return list(s.Action).flatMap((Action) => list(s.Resource ?? [undefined]).map((Resource) => ({ ...s, Action, ...(Resource && { Resource }) })))
}

function everyCase(table, translated) {
  return table.deployments.flatMap((row) => {
    const d = translated[row.deployment]
    const found = row.bastion ? cases.trust(table, row.deployment, d, translated[row.bastion])
      : [...cases.rights(table, row.deployment, d), ...cases.doors(table, row.deployment, d)]
    return found.map((c) => ({ ...c, deployment: row.deployment }))
  })
}

// Every statement that the templates grant, and whose it is: a role's, or a thing's.
function everyStatement(table, translated) {
  return table.deployments.flatMap((row) => {
    const d = translated[row.deployment]
    const of = (document, holder, name, kind) => statements(document).map((statement) => (
      { deployment: row.deployment, statement, holder, kind, says: statement.Sid ? `${name} (${statement.Sid})` : name }))
    const trusts = Object.entries(d.roles).flatMap(([id, r]) => of(r.trust, r.arn, `the trust of ${id}`, 'resource'))
    if (row.bastion) return trusts
    return [
      ...trusts,
      ...Object.entries(d.roles).flatMap(([id, r]) => r.policies.flatMap((p) => of(p.document, id, id, 'identity'))),
      ...d.resourcePolicies.flatMap((p) => p.on.flatMap((arn) => of(p.document, arn, p.name, 'resource'))),
    ]
  })
}

async function main() {
  const started = Date.now()
  const table = read(`${here}table.md`)
  const translated = translate(table)
  for (const row of table.deployments) {
    const { parameters } = deployment(row, table.deployments)
    Object.assign(translated[row.deployment], { bastion: row.bastion, organization: parameters.OrganizationId, externalID })
  }
  const all = everyCase(table, translated)
  const granted = everyStatement(table, translated)
  const asked = new Set(all.map((c) => c.at))
  const unasked = [...table.rights, ...table.doors, ...table.trust].filter((r) => !asked.has(r.at)).map((r) => `${r.at}: the row asks nothing`)
  const shapes = table.deployments.flatMap((r) => shape(r.deployment, translated[r.deployment], granted))
  const wrong = [...shapes, ...unasked, ...(await judge(all)), ...(await unnamed(all, granted))]
  const rows = table.rights.length + table.doors.length + table.trust.length
  const yes = all.filter((c) => c.want).length
  for (const w of wrong) console.error(w)
  const answers = `${all.length} answers (${yes} yes, ${all.length - yes} no)`
  console.log(`iam: ${rows} rows in ${table.deployments.length} deployments: ${answers}, ${granted.length} statements, ${wrong.length} wrong`)
  let survivors = []
  const given = (option) => process.argv.includes(option)
  if (!wrong.length && given('--mutate')) survivors = await mutate(all, granted, { verdict, unruly }, given('--all'))
  console.log(`iam: ${count()} questions to iam-simulate in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  if (wrong.length || survivors.length) process.exit(1)
}

await main().catch((e) => {
  console.error(e.message)
  process.exit(1)
})
