// Judges the deny document of cut (docs/design.md#4.4.2) with iam-simulate: sessions of a
// revoked grant are denied every action, and everybody else's are allowed what they were.
// denies.json has the documents as the code writes them; the expectations are here. Then each
// document is broken in one place at a time, and some answer must change.
import { readFileSync } from 'node:fs'
import { allowed, allowsAll, count, session } from './judge.mjs'

const account = '111111111111'
const role = `arn:aws:iam::${account}:role/aws-access/Admin`
const documents = JSON.parse(readFileSync(new URL('denies.json', import.meta.url)))

// Varied actions: reading and writing, data and permissions, regional and global services, with
// and without a resource. sts:GetCallerIdentity is not among them: no policy can deny it.
const calls = [
  ['s3:GetObject', 'arn:aws:s3:::data/k'], ['s3:PutObject', 'arn:aws:s3:::data/k'], ['s3:ListAllMyBuckets', '*'],
  ['ec2:DescribeInstances', '*'], ['ec2:TerminateInstances', `arn:aws:ec2:eu-west-1:${account}:instance/i-1`],
  ['iam:ListRoles', '*'], ['iam:PassRole', `arn:aws:iam::${account}:role/build`], ['iam:DeleteRolePolicy', role],
  ['sts:AssumeRole', 'arn:aws:iam::222222222222:role/build'], ['sts:GetServiceBearerToken', '*'],
  ['lambda:InvokeFunction', `arn:aws:lambda:eu-west-1:${account}:function:f`],
  ['dynamodb:GetItem', `arn:aws:dynamodb:eu-west-1:${account}:table/t`],
  ['secretsmanager:GetSecretValue', `arn:aws:secretsmanager:eu-west-1:${account}:secret:s-1a2b3c`],
  ['ssm:StartSession', `arn:aws:ec2:eu-west-1:${account}:instance/i-1`],
  ['ssm:GetParameter', `arn:aws:ssm:eu-west-1:${account}:parameter/p`],
  ['cloudformation:DeleteStack', `arn:aws:cloudformation:eu-west-1:${account}:stack/app/1`],
  ['rds:DeleteDBInstance', `arn:aws:rds:eu-west-1:${account}:db:d`],
  ['eks:AccessKubernetesApi', `arn:aws:eks:eu-west-1:${account}:cluster/c`], ['ecr:GetAuthorizationToken', '*'],
  ['logs:FilterLogEvents', `arn:aws:logs:eu-west-1:${account}:log-group:g`],
  ['cloudtrail:StopLogging', `arn:aws:cloudtrail:eu-west-1:${account}:trail/t`], ['organizations:LeaveOrganization', '*'],
  ['route53:ChangeResourceRecordSets', 'arn:aws:route53:::hostedzone/Z1'],
  ['sqs:SendMessage', `arn:aws:sqs:eu-west-1:${account}:q`], ['states:StartExecution', `arn:aws:states:eu-west-1:${account}:stateMachine:m`],
]

// The ULID of a grant is the end of the name of its sessions. Grants that are hard to tell apart
// from each revoked one are among those that must not be touched.
const revoked = ['01KB2M7Q4V8XWZ3C9N5T6R1YHD', '01KB2K11112222333344445555', '01KB2N66667777888899990000']
const userids = (name, issued) => [`AROAADMIN:${name}`, `AROAMADEANEW:${name}`].map((userid) => ({ userid, issued }))
const ofEach = (of) => revoked.flatMap((id) => of(id))
const named = {
  denied: {
    'a session of a revoked grant': ofEach((id) => userids(`aws-access-${id}`)),
    'one that was issued after the cut': ofEach((id) => userids(`aws-access-${id}`, '2026-11-27T07:00:00Z')),
  },
  allowed: {
    'an earlier grant of the same person': userids('aws-access-01KB2M5A0B8XWZ3C9N5T6R1YHD'),
    'a later grant of the same person': userids('aws-access-01KB2M9ZZZ8XWZ3C9N5T6R1YHD'),
    'a grant of another person': userids('aws-access-01KB2M7Q4V0000111122223333'),
    'a grant of the same instant': ofEach((id) => userids(`aws-access-${id.slice(0, 10)}0123456789ABCDEF`)),
    'a grant whose id differs in its time only': ofEach((id) => userids(`aws-access-01KB1${id.slice(5)}`)),
    'a grant whose id differs in its last letter': ofEach((id) => userids(`aws-access-${id.slice(0, -1)}E`)),
    'a grant whose id goes on': ofEach((id) => userids(`aws-access-${id}0`)),
    'a grant whose id has something before it': ofEach((id) => userids(`aws-access-0${id}`)),
    'the same letters in lower case': userids(`aws-access-${revoked[0].toLowerCase()}`),
    'a session of the revoker': userids('aws-access-cut-1a2b3c'),
    'a session that was not made by vend': userids('somebody'),
  },
}
const whole = {
  denied: { 'a session that was issued before': userids('aws-access-01KB2M7Q4V0000111122223333', '2026-11-27T06:14:59Z') },
  allowed: {
    'one that was issued in that second': userids('aws-access-01KB2M7Q4V0000111122223333', '2026-11-27T06:15:00Z'),
    'one that was issued later': userids(`aws-access-${revoked[0]}`, '2026-11-27T06:15:01Z'),
  },
}

// A bucket of the account can admit a session by its name. A deny of the role is stronger.
const admitting = {
  Version: '2012-10-17', Statement: { Effect: 'Allow', Principal: { AWS: session(role) }, Action: 's3:*', Resource: 'arn:aws:s3:::data/*' },
}

const ask = ([action, arn], { userid, issued }, document, resource) => allowed({
  principal: session(role), action, arn, account, identity: [allowsAll, document], resource,
  context: {
    'aws:PrincipalArn': role, 'aws:PrincipalAccount': account, 'aws:userid': userid, 'aws:CurrentTime': '2026-11-27T06:20:00Z',
    'aws:TokenIssueTime': issued ?? '2026-11-27T06:00:00Z',
  },
})

// Returns what is judged otherwise than expected, and how many answers there were.
async function judge(document, expected, first) {
  const wrong = []
  let answers = 0
  for (const [want, who] of Object.entries(expected)) {
    for (const [says, sessions] of Object.entries(who)) {
      for (const one of sessions) {
        for (const call of calls) {
          for (const resource of call[1].startsWith('arn:aws:s3:::data') ? [undefined, admitting] : [undefined]) {
            answers++
            const got = (await ask(call, one, document, resource)) ? 'allowed' : 'denied'
            if (got !== want) wrong.push(`${says}: ${call[0]} is ${got}, want ${want}`)
            if (first && wrong.length) return { wrong, answers }
          }
        }
      }
    }
  }
  return { wrong, answers }
}

const changed = (document, change) => {
  const copy = structuredClone(document)
  change(copy.Statement)
  return copy
}

// Documents that are broken in one place. Each must be noticed.
function* broken(document) {
  for (const i of document.Statement.keys()) {
    const at = document.Statement[i].Sid
    const as = (how, change) => ({ how: `${at}: ${how}`, document: changed(document, (s) => change(s[i], s)) })
    if (document.Statement.length > 1) yield as('left out', (s, all) => all.splice(i, 1))
    yield as('without a condition', (s) => delete s.Condition)
    yield as('Allow', (s) => (s.Effect = 'Allow'))
    yield as('only S3', (s) => (s.Action = 's3:*'))
    yield as('only what has an ARN of the account', (s) => (s.Resource = `arn:aws:*:*:${account}:*`))
    const names = document.Statement[i].Condition.StringLike?.['aws:userid'] ?? []
    const renamed = (how, change) => as(how, (s) => (s.Condition.StringLike['aws:userid'] = change([...names])))
    for (const [n, name] of names.entries()) {
      if (names.length > 1) yield renamed(`without ${name}`, (all) => all.toSpliced(n, 1))
      yield renamed(`${name}*`, (all) => all.with(n, `${name}*`))
      yield renamed(`*${name.slice(2)}`, (all) => all.with(n, `*${name.slice(2)}`))
      yield renamed(`*${name.slice(12)}`, (all) => all.with(n, `*${name.slice(12)}`))
      yield renamed(`${name} with ? at its end`, (all) => all.with(n, name.slice(0, -1) + '?'))
      yield renamed('* alone', (all) => all.with(n, '*'))
    }
    if (names.length) {
      yield as('StringEquals', (s) => (s.Condition = { StringEquals: s.Condition.StringLike }))
      if (names.some((n) => /[A-Z].*[A-Z]{2}$/.test(n))) {
        const whole = names.flatMap((n) => userids(`aws-access-${n.slice(2)}`)).map((u) => u.userid)
        yield as('without regard to case', (s) => (s.Condition = { StringEqualsIgnoreCase: { 'aws:userid': whole } }))
      }
      yield as('with an issue time', (s) => (s.Condition.DateLessThan = { 'aws:TokenIssueTime': '2026-11-27T06:15:00Z' }))
    } else {
      yield as('a second later', (s) => (s.Condition.DateLessThan['aws:TokenIssueTime'] = '2026-11-27T06:15:01Z'))
      yield as('a second before', (s) => (s.Condition.DateLessThan['aws:TokenIssueTime'] = '2026-11-27T06:14:59Z'))
      yield as('the other way', (s) => (s.Condition = { DateGreaterThan: s.Condition.DateLessThan }))
    }
  }
}

let failed = 0, answers = 0, mutants = 0
const unnoticed = []
for (const [name, expected] of [['names', named], ['wholeRole', whole]]) {
  const verdict = await judge(documents[name], expected)
  answers += verdict.answers
  failed += verdict.wrong.length
  for (const w of verdict.wrong) console.error(`denies: ${name}: ${w}`)
  for (const { how, document } of verdict.wrong.length ? [] : broken(documents[name])) {
    mutants++
    if (!(await judge(document, expected, true)).wrong.length) unnoticed.push(how)
  }
}
for (const how of unnoticed) console.error(`denies: not noticed: ${how}`)
console.log(`denies: ${answers} answers about ${calls.length} actions, ${failed} wrong; ${mutants} broken documents, ${unnoticed.length} not noticed; ${count()} questions`)
if (failed || unnoticed.length || calls.length < 20 || mutants < 20) process.exit(1)
