package slackfake

// userList holds the users of a workspace in the order in which they were
// added. An index finds them by id, because a workspace may have 100,000 users
// who are added one by one.
type userList struct {
	list    []User
	index   map[string]int // position in list, by id
	visited int            // how many users were looked at; a test checks that work is linear
}

// get returns a user, or nil if there is none of that id. The pointer is valid
// until the next add.
func (l *userList) get(id string) *User {
	l.visited++
	if i, ok := l.index[id]; ok {
		return &l.list[i]
	}
	return nil
}

// add adds a user whose id is not in the list yet.
func (l *userList) add(u User) *User {
	if l.index == nil {
		l.index = make(map[string]int)
	}
	l.index[u.ID] = len(l.list)
	l.list = append(l.list, u)
	return &l.list[len(l.list)-1]
}

// all returns all users. The caller must not keep or change the slice.
func (l *userList) all() []User {
	l.visited += len(l.list)
	return l.list
}
