// Turns the tables into calls with an expected answer, for one deployment.
//
// A case is {at, says, want, holder, calls}. holder is the role whose own policies apply.
// The resource of a call is the policy of the resource.
import { allowsAll, contextOf, delegates, isService, session, statements } from './judge.mjs'
import { answer, holds, names, pairs } from './table.mjs'

// The policy of a resource: the template's policies on its ARN, or a role's trust policy.
function policyOf(d, arn) {
  const found = d.resourcePolicies.filter((p) => p.on.some((on) => arn === on || (on.includes(':s3:::') && arn.startsWith(on + '/'))))
  const trusts = Object.values(d.roles).filter((r) => r.arn === arn).map((r) => ({ document: r.trust }))
  const all = [...found, ...trusts].flatMap((p) => statements(p.document))
  return all.length ? { Version: '2012-10-17', Statement: all } : undefined
}

// The role of each column, found by the name of its function.
function holders(table, d) {
  const out = {}
  for (const column of table.columns.rights.filter((c) => !['action', 'on', 'when', 'anybody'].includes(c))) {
    const f = d.functions[`${column[0].toUpperCase()}${column.slice(1)}Function`]
    const role = f && Object.keys(d.roles).find((r) => d.roles[r].arn === f.role)
    if (!role) throw new Error(`there is no role for the column ${column}`)
    if (Object.values(out).includes(role)) throw new Error(`${column} has the role of another column`)
    out[column] = role
  }
  for (const f of Object.keys(d.functions)) if (!out[f.replace(/Function$/, '').toLowerCase()]) throw new Error(`the function ${f} has no column`)
  for (const role of Object.keys(d.roles)) if (!Object.values(out).includes(role)) throw new Error(`the role ${role} has no column`)
  return out
}

const resources = (row, known) => row.resources.flatMap((name) => known(name, row))

export function rights(table, deployment, d) {
  const known = names(table, deployment, d)
  const columns = holders(table, d)
  const [, partition, , , account] = Object.values(d.roles)[0].arn.split(':')
  const bystander = { arn: `arn:${partition}:iam::${account}:role/bystander`, policies: [] }
  return table.rights.filter((r) => holds(r, deployment)).flatMap((row) => resources(row, known).flatMap((resource) => row.actions.flatMap((action) =>
    [...Object.keys(columns), 'anybody'].map((column) => ({
      at: row.at, says: `${column}: ${action} on ${resource.name} (${resource.arn})`, want: answer(row, column), holder: columns[column],
      calls: [callBy(d.roles[columns[column]] ?? bystander, action, resource, d)],
    })))))
}

// A call by a role of the template. For a resource that is not in the template, only the
// caller's policies apply: the resource counts as one of the caller's account, and a key
// has a policy that leaves the decision to the account.
function callBy(role, action, resource, d) {
  const account = role.arn.split(':')[4]
  return {
    principal: session(role.arn), action, arn: resource.arn, account, identity: role.policies.map((p) => p.document),
    resource: policyOf(d, resource.arn) ?? (resource.arn.includes(':kms:') ? delegates(role.arn) : undefined),
    context: contextOf(role.arn, {
      'aws:PrincipalOrgID': d.organization, 'aws:ResourceOrgID': d.organization, 'aws:ResourceAccount': resource.arn.split(':')[4] || account, ...resource.context,
    }),
  }
}

// Whom the policy of a resource admits. A caller of this account has no policies, so only
// the resource's policy can allow the call. A caller of another account, or one with "own
// policies=allow all", may do everything by its own policies, so only the resource's policy
// can refuse the call.
export function resourceAccess(table, deployment, d) {
  const known = names(table, deployment, d)
  return table.resourceAccess.filter((r) => holds(r, deployment)).flatMap((row) => resources(row, known).flatMap((resource) => row.actions.flatMap((action) =>
    known(row.who, row).flatMap((who) => origins(row, known).map((from) => {
      const foreign = who.arn.startsWith('arn:') && who.arn.split(':')[4] !== d.pseudo['AWS::AccountId']
      const { 'own policies': callerPolicies, ...about } = who.context
      const context = isService(who.arn) ? ofService(who.arn) : contextOf(who.arn, { 'aws:PrincipalOrgID': d.organization, ...about })
      return {
        at: row.at, says: `${row.who}${row.from && ` from ${Object.values(from)}`}: ${action} on ${resource.name} (${resource.arn})`, want: answer(row, 'answer'),
        calls: [{
          principal: session(who.arn), action, arn: resource.arn, account: d.pseudo['AWS::AccountId'], identity: foreign || callerPolicies === 'allow all' ? [allowsAll] : [],
          resource: policyOf(d, resource.arn), context: { ...context, ...resource.context, ...from },
        }],
      }
    })))))
}

const ofService = (name) => ({ 'aws:PrincipalIsAWSService': 'true', 'aws:PrincipalServiceName': name, 'aws:SecureTransport': 'true' })

// The context keys in the column "from", once for each ARN of a <name> in it.
function origins(row, known) {
  let out = [{}]
  for (const [key, value] of Object.entries(pairs(row.from))) {
    const values = value.startsWith('<') ? known(value.slice(1, -1), row).map((n) => n.arn) : [value]
    out = out.flatMap((o) => values.map((v) => ({ ...o, [key]: v })))
  }
  return out
}

// What the revoker may do in its own account. Its boundary is a policy of the template too.
export function memberRights(table, deployment, d) {
  const known = names(table, deployment, d)
  return table.memberRights.filter((r) => holds(r, deployment)).flatMap((row) => resources(row, known).flatMap((resource) => row.actions.map((action) => {
    const [holder, role] = Object.entries(d.roles).find(([, r]) => kindOf(r) === 'revoker')
    return {
      at: row.at, says: `revoker: ${action} on ${resource.name} (${resource.arn})`, want: answer(row, 'revoker'), holder,
      calls: [{ ...callBy(role, action, resource, d), limits: role.limits }],
    }
  })))
}

// The kinds of roles in member accounts, and the one role of the bastion that enters each.
const entrants = { target: 'aws-access-vend', revoker: 'aws-access-cut' }
const paths = { target: ':role/aws-access/', revoker: ':role/aws-access-revoker/' }
export const kindOf = (role) => Object.keys(paths).find((kind) => role.arn.includes(paths[kind]))

// Assuming a role needs up to three permissions. The caller's policies and the trust
// policy must both allow each of them.
export function trust(table, deployment, d, bastion) {
  const known = names(table, deployment, d)
  const stray = Object.keys(d.roles).find((id) => !kindOf(d.roles[id]))
  if (stray) throw new Error(`${stray} is neither a target role nor the revoker`)
  return [['target', table.trust], ['revoker', table.revokerTrust]].flatMap(([kind, rows]) => {
    const first = rows[0]
    return rows.filter((r) => holds(r, deployment)).flatMap((row) => {
      const value = (column) => row[column] || first[column]
      const passed = passes(value, d.externalID)
      return known(value('caller'), row).flatMap((caller) => Object.entries(d.roles).filter(([, role]) => kindOf(role) === kind).map(([id, role]) => {
        const says = `${row.case}: ${value('caller')} enters ${id}`
        return { at: row.at, says, want: answer(row, kind), calls: enters(value('call'), caller, role, passed, bastion, entrants[kind]) }
      }))
    })
  })
}

// entrant is the name of the role whose own policies count. Those of every other caller allow
// everything, so that only the trust policy refuses it.
function enters(call, caller, role, passed, bastion, entrant) {
  const account = role.arn.split(':')[4]
  const context = contextOf(caller.arn, { 'aws:ResourceOrgID': bastion.organization, 'aws:ResourceAccount': account, ...passed, ...caller.context })
  const own = Object.values(bastion.roles).find((r) => r.arn === caller.arn && r.arn.endsWith(`:role/${entrant}`))
  const whole = ['sts:AssumeRole', passed['aws:TagKeys'] !== 'none' && 'sts:TagSession', passed['sts:SourceIdentity'] !== 'none' && 'sts:SetSourceIdentity']
  const actions = call === 'whole' ? whole.filter(Boolean) : [call]
  const identity = isService(caller.arn) ? [] : own ? own.policies.map((p) => p.document) : [allowsAll]
  return actions.map((action) => ({ principal: session(caller.arn), action, arn: role.arn, account, identity, resource: role.trust, context }))
}

function passes(value, externalID) {
  const tags = value('tags') === 'none' ? {} : pairs(value('tags'))
  return {
    'sts:ExternalId': value('external id') === 'right' ? externalID : value('external id'), 'sts:RoleSessionName': value('session'),
    'sts:SourceIdentity': value('identity'), 'aws:PrincipalOrgID': value('organisation'),
    'aws:TagKeys': Object.keys(tags).length ? Object.keys(tags) : 'none',
    ...Object.fromEntries(Object.entries(tags).map(([k, v]) => [`aws:RequestTag/${k}`, v])),
  }
}
