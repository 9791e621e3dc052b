// Judges every case of testdata/evaluate/cases.json with iam-simulate, and says
// where it differs from what the case wants. Our own evaluator is held to the
// same file by `go test`, so that agreement here is agreement between the two.
// Exits 1 on any difference, on a case that could not be simulated, and when
// fewer than 60 cases were compared.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const least = 60
const words = { Allowed: 'allowed', ExplicitlyDenied: 'denied', ImplicitlyDenied: 'implicit' }
const everything = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }
const session = 'arn:aws:sts::111111111111:assumed-role/Admin/aws-access-01K'

const { policies, cases } = JSON.parse(readFileSync(new URL('../testdata/evaluate/cases.json', import.meta.url)))

const policy = (p) => (typeof p === 'string' ? policies[p] : p)
const named = (list) => (list ?? []).map((p, i) => ({ name: `p${i}`, policy: policy(p) }))

// A trust policy is a resource policy to iam-simulate, of a role in another
// account, so that the caller's own policies must allow as well: they allow all.
function identities(c) {
  if (!c.trust) return named(c.identity)
  return c.principal.AWS ? named([everything]) : []
}

function simulation(c) {
  const principal = c.trust ? (c.principal.Session ?? c.principal.AWS ?? c.principal.Service) : session
  return {
    request: {
      principal,
      action: c.call.action,
      resource: { resource: c.call.resource, accountId: c.call.resource.split(':')[4] || '111111111111' },
      contextVariables: c.call.context ?? {},
    },
    identityPolicies: identities(c),
    ...(c.trust && { resourcePolicy: policy(c.trust) }),
    ...(c.session && { sessionPolicy: policy(c.session) }),
    ...(c.boundary && { permissionBoundaryPolicies: named([c.boundary]) }),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }
}

// A key that iam-simulate leaves out of an action's context would make it judge
// another call than ours: each must be named by the case.
function dropped(c, result) {
  const all = result.resultType === 'single' ? [result.result] : result.results
  const got = [...new Set(all.flatMap((r) => r.ignoredContextKeys ?? []))].sort()
  const want = [...(c.dropped ?? [])].sort()
  return `${got}` === `${want}` ? '' : `leaves out the keys [${got}], the case says [${want}]`
}

async function difference(c) {
  const result = await runSimulation(simulation(c), { simulationMode: 'Strict' })
  if (result.resultType === 'error') return `cannot judge it: ${JSON.stringify(result.errors)}`
  const got = words[result.overallResult] ?? result.overallResult
  return got === c.want ? dropped(c, result) : `says ${got}, the case wants ${c.want}`
}

// A case that is not compared says why, and is run all the same: agreement
// would make the reason untrue.
let compared = 0
let differences = 0
for (const c of cases) {
  const text = await difference(c)
  if (!c.not_compared) compared++
  if (!text === !c.not_compared) continue
  differences++
  console.error(`${c.name}: iam-simulate ${text || `agrees, the case says "${c.not_compared}"`}`)
}
console.log(`${compared} of ${cases.length} cases compared with iam-simulate, ${differences} not as they say`)
if (differences > 0 || compared < least) process.exit(1)
