// Checks the templates against table.md: iam-simulate must answer every call in the
// table as the table says.
//
//   prove.mjs           checks the table, and that nothing is granted beyond it
//   prove.mjs --mutate  also widens every statement in turn, and fails unless a row
//                       notices; with --all it prints which row noticed
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
  const [region, suffix] = partitions[row.partition] ?? fail(`${row.at}: unknown partition ${row.partition}`)
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

function fail(message) {
  throw new Error(message)
}

function translate(table) {
  const input = JSON.stringify(table.deployments.map((row) => deployment(row, table.deployments)))
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const out = spawnSync(process.env.PYTHON ?? 'python3', [`${here}translate.py`], { input, env, cwd: `${here}../..`, maxBuffer: 1 << 28, encoding: 'utf8' })
  if (out.status !== 0) fail(out.error?.message ?? out.stderr.trim())
  return JSON.parse(encryptionContext(out.stdout))
}

// A rule for every statement, without a row: an Allow names its actions in full.
function breaksRule(s) {
  const negated = ['NotAction', 'NotResource', 'NotPrincipal'].find((k) => k in s)
  if (s.Effect === 'Allow' && negated) return `allows by ${negated}`
  const pattern = s.Effect === 'Allow' && list(s.Action).find((a) => /[*?]/.test(a))
  return pattern ? `allows ${pattern}, a pattern` : ''
}

// Rules for every deployment: all statements are in the template, all routes lead to
// slack or api, and roles of a member account have sessions of an hour and a permissions
// boundary. All that the revoker has, its boundary too, is in the template.
function shape(name, d, granted) {
  const wrong = granted.filter((g) => g.deployment === name && breaksRule(g.statement)).map((g) => `${name}: ${g.says} ${breaksRule(g.statement)}`)
  for (const [id, role] of Object.entries(d.roles)) {
    if (!d.bastion) for (const arn of role.foreign) wrong.push(`${name}: ${id} has ${arn}, whose statements are not in the template`)
    if (d.bastion && role.session !== 3600) wrong.push(`${name}: sessions of ${id} last up to ${role.session} s, not 3600`)
    if (d.bastion && !role.boundary) wrong.push(`${name}: ${id} has no permissions boundary`)
    if (!d.bastion || cases.kindOf(role) !== 'revoker') continue
    for (const arn of role.foreign) wrong.push(`${name}: ${id} has ${arn}, whose statements are not in the template`)
    if (role.limits.length !== 1) wrong.push(`${name}: the boundary of ${id} is not in the template`)
  }
  for (const route of d.routes) {
    const to = route.route === 'POST /v1' ? 'ApiFunction' : 'SlackFunction'
    if (!d.functions[to]?.arns.includes(route.calls)) wrong.push(`${name}: the route ${route.route} leads to ${route.calls}, not to ${to}`)
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
    const got = await verdict(c).catch((e) => fail(`${c.at}: ${e.message}`))
    if (got !== c.want) wrong.push(`${c.at} [${c.deployment}] ${c.says}: is ${got ? 'allowed' : 'refused'}, but the table says ${c.want ? 'yes' : 'no'}`)
  }
  return wrong
}

// Each single action on each single resource of an Allow must be needed by some "yes" of
// the table. Otherwise it is granted without being in the table.
async function unnamed(all, granted) {
  const wrong = []
  const yes = all.filter((c) => c.want)
  for (const g of granted) {
    for (const one of singles(g.statement)) {
      const named = await some(yes.filter((c) => c.deployment === g.deployment), g, one)
      if (!named) wrong.push(`${g.deployment}: ${g.says} allows ${one.Action} on ${one.Resource ?? 'itself'}, but no "yes" of the table needs it`)
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
    const found = row.bastion ? [...cases.trust(table, row.deployment, d, translated[row.bastion]), ...cases.memberRights(table, row.deployment, d)]
      : [...cases.rights(table, row.deployment, d), ...cases.resourceAccess(table, row.deployment, d)]
    return found.map((c) => ({ ...c, deployment: row.deployment }))
  })
}

// Every statement of the templates, with its holder: a role, or a resource.
function everyStatement(table, translated) {
  return table.deployments.flatMap((row) => {
    const d = translated[row.deployment]
    const of = (document, holder, name, kind) => statements(document).map((statement) => (
      { deployment: row.deployment, statement, holder, kind, says: statement.Sid ? `${name} (${statement.Sid})` : name }))
    const trusts = Object.entries(d.roles).flatMap(([id, r]) => of(r.trust, r.arn, `the trust of ${id}`, 'resource'))
    // The policies of target roles are AWS's, or those of the user.
    const judged = Object.entries(d.roles).filter(([, r]) => !row.bastion || cases.kindOf(r) === 'revoker')
    return [
      ...trusts,
      ...judged.flatMap(([id, r]) => r.policies.flatMap((p) => of(p.document, id, id, 'identity'))),
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
  const every = [...table.rights, ...table.resourceAccess, ...table.memberRights, ...table.trust, ...table.revokerTrust]
  const unasked = every.filter((r) => !asked.has(r.at)).map((r) => `${r.at}: the row makes no call`)
  const shapes = table.deployments.flatMap((r) => shape(r.deployment, translated[r.deployment], granted))
  const wrong = [...shapes, ...unasked, ...(await judge(all)), ...(await unnamed(all, granted))]
  const yes = all.filter((c) => c.want).length
  for (const w of wrong) console.error(w)
  const answers = `${all.length} answers (${yes} yes, ${all.length - yes} no)`
  console.log(`iam: ${every.length} rows in ${table.deployments.length} deployments: ${answers}, ${granted.length} statements, ${wrong.length} wrong`)
  let survivors = []
  const given = (option) => process.argv.includes(option)
  if (!wrong.length && given('--mutate')) survivors = await mutate(all, granted, { verdict, breaksRule }, given('--all'))
  console.log(`iam: ${count()} questions to iam-simulate in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  if (wrong.length || survivors.length) process.exit(1)
}

await main().catch((e) => {
  console.error(e.message)
  process.exit(1)
})
