// Runs every case of testdata/evaluate/cases.json with iam-simulate, and prints where
// its answer differs from the case's. `go test` runs the same cases with this
// package's evaluator, so both evaluators agree if both succeed. Exits with 1 on any
// difference, on a case that could not be simulated, and if fewer than 60 cases were
// compared.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const minimum = 60
const words = { Allowed: 'allowed', ExplicitlyDenied: 'denied', ImplicitlyDenied: 'implicit' }
const everything = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }
const session = 'arn:aws:sts::111111111111:assumed-role/Admin/aws-access-01K'

const { policies, cases } = JSON.parse(readFileSync(new URL('../testdata/evaluate/cases.json', import.meta.url)))

const policy = (p) => (typeof p === 'string' ? policies[p] : p)
const named = (list) => (list ?? []).map((p, i) => ({ name: `p${i}`, policy: policy(p) }))

// For iam-simulate a trust policy is a resource policy of a role in another account,
// so the caller's own policies must allow the call too. Here they allow everything.
function identities(c) {
  if (!c.trust) return named(c.identity)
  return c.principal.AWS ? named([everything]) : []
}

function simulation(c) {
  const principal = c.trust
    ? (c.principal.Session ?? c.principal.AWS ?? c.principal.Service)
    : session
  return {
    request: {
      principal,
      action: c.call.action,
      resource: {
        resource: c.call.resource,
        accountId: c.call.resource.split(':')[4] || '111111111111',
      },
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

// iam-simulate ignores some keys for some actions, and then evaluates a different
// call. The case must name each such key.
function dropped(c, result) {
  const all = result.resultType === 'single' ? [result.result] : result.results
  const got = [...new Set(all.flatMap((r) => r.ignoredContextKeys ?? []))].sort()
  const want = [...(c.dropped ?? [])].sort()
  return `${got}` === `${want}` ? '' : `ignores the keys [${got}], the case says [${want}]`
}

async function difference(c) {
  const result = await runSimulation(simulation(c), { simulationMode: 'Strict' })
  if (result.resultType === 'error') return `cannot simulate it: ${JSON.stringify(result.errors)}`
  const got = words[result.overallResult] ?? result.overallResult
  return got === c.want ? dropped(c, result) : `says ${got}, the case wants ${c.want}`
}

// A case that is not compared says why. It runs all the same: if the evaluators
// agreed, the reason would be wrong.
let compared = 0
let differences = 0
for (const c of cases) {
  const text = await difference(c)
  if (!c.not_compared) compared++
  if (!text === !c.not_compared) continue
  differences++
  console.error(`${c.name}: iam-simulate ${text || `agrees, the case says "${c.not_compared}"`}`)
}
console.log(`${compared} of ${cases.length} cases compared with iam-simulate, ${differences} with a difference`)
if (differences > 0 || compared < minimum) process.exit(1)
