// Checks infra/organization/ways-in.yaml with iam-simulate: each action must be denied
// by exactly the policies that the file names, and an accepted one by none. Then it
// checks the console and `aws login` in every partition.
//
//   ways.mjs < ways-in.json   the table as JSON
import { readFileSync } from 'node:fs'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'
import { allowsAll } from './judge.mjs'

const account = '111111111111'
const logins = ['signin:AuthorizeOAuth2Access', 'signin:CreateOAuth2Token']
const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)))
const sessions = json('session.json')
const named = (policy) => ({ name: 'p', policy })

// The policies of one partition, each where IAM looks for it. This entry point of
// iam-simulate does not support session policies, so the session policy of vend is
// given as a permissions boundary, which limits in the same way.
function layers(partition) {
  const names = { partition, account_id: account, path: '/aws-access/', role: 'Admin' }
  const fill = (text) => text.replace(/\$\{(\w+)\}/g, (_, name) => names[name])
  const document = (path) => JSON.parse(fill(readFileSync(new URL(path, import.meta.url), 'utf8')).replaceAll('arn:aws:', `arn:${partition}:`))
  const scp = document('../organization/new-ways-in.json')
  return {
    session: { permissionBoundaryPolicies: [named(sessions[partition])] },
    boundary: { permissionBoundaryPolicies: [named(document('../member/terraform/documents/boundary-admin.json'))] },
    scp: { serviceControlPolicies: [{ orgIdentifier: 'o', policies: [named(allowsAll), named(scp)] }] },
  }
}

// Whether a layer denies a call of the role Admin, whose own policy allows everything.
async function denied(layer, partition, action, resource) {
  const role = `arn:${partition}:iam::${account}:role/aws-access/Admin`
  const verdict = await runUnsafeSimulation({
    request: {
      principal: `arn:${partition}:sts::${account}:assumed-role/Admin/aws-access-1`, action, resource: { resource, accountId: account },
      contextVariables: { 'aws:PrincipalArn': role, 'aws:CurrentTime': '2026-11-21T12:00:00Z' },
    },
    identityPolicies: [named(allowsAll)], serviceControlPolicies: [], resourceControlPolicies: [], ...layer,
  })
  if (!['Allowed', 'ExplicitlyDenied', 'ImplicitlyDenied'].includes(verdict)) throw new Error(`${action}: ${verdict}`)
  return verdict !== 'Allowed'
}

const actions = (way) => Object.entries(way.actions).flatMap(([service, names]) => names.split(/\s+/).map((name) => `${service}:${name}`))

function on(way, action) {
  if (way.resource) return way.resource
  return /^(iam|sts):/.test(action) ? `arn:aws:iam::${account}:role/build` : '*'
}

async function table(ways, wrong) {
  let asked = 0
  for (const [name, layer] of Object.entries(layers('aws'))) {
    for (const way of ways) {
      for (const action of actions(way)) {
        asked++
        const got = await denied(layer, 'aws', action, on(way, action))
        if (got !== (way.denied ?? []).includes(name)) wrong.push(`${way.way}: ${action}: ${name} ${got ? 'denies' : 'does not deny'} it, the table says otherwise`)
      }
    }
  }
  return asked
}

// If console authorization is off, AWS does not check console/; if it is on, a Deny would
// close the console. `aws login` is checked in both cases.
async function signIn(wrong) {
  let asked = 0
  for (const partition of Object.keys(sessions)) {
    const own = `arn:${partition}:signin:eu-west-1:${account}:`
    const programs = [`${own}oauth2/public-client/localhost`, `${own}oauth2/public-client/remote`, `${own}service-principal/aws-mcp.amazonaws.com`]
    const consoles = [`${own}console/home`, `arn:${partition}:signin:::console/home`]
    for (const [name, layer] of Object.entries(layers(partition))) {
      for (const resource of [...programs, ...consoles]) {
        for (const action of logins) {
          asked++
          const want = programs.includes(resource) && name !== 'scp'
          if ((await denied(layer, partition, action, resource)) !== want) wrong.push(`${name}: ${action} on ${resource}: want ${want ? 'denied' : 'not denied'}`)
        }
      }
    }
  }
  return asked
}

const { ways } = JSON.parse(readFileSync(0, 'utf8'))
const wrong = []
const asked = [await table(ways, wrong), await signIn(wrong)]
for (const w of wrong) console.error(w)
console.log(`ways in: ${asked[0]} answers of iam-simulate for ${ways.length} rows, ${asked[1]} about sign-in in ${Object.keys(sessions).length} partitions, ${wrong.length} wrong`)
if (wrong.length || asked[0] < 3000 || asked[1] < 120) process.exit(1)
