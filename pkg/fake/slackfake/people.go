package slackfake

// people are the users of a workspace, in the order in which they came. They
// are found by an index: a workspace may have 100,000, who are added one by one.
type people struct {
	list []User
	at   map[string]int // places in list, by id
	seen int            // users that were looked at: a test counts them
}

// get finds somebody; nil when nobody has that id. The pointer is good until
// somebody is added.
func (p *people) get(id string) *User {
	p.seen++
	if i, ok := p.at[id]; ok {
		return &p.list[i]
	}
	return nil
}

// add adds somebody who is not there yet.
func (p *people) add(u User) *User {
	if p.at == nil {
		p.at = make(map[string]int)
	}
	p.at[u.ID] = len(p.list)
	p.list = append(p.list, u)
	return &p.list[len(p.list)-1]
}

// all is everybody. The caller must not keep or change it.
func (p *people) all() []User {
	p.seen += len(p.list)
	return p.list
}
