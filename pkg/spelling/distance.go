// Package spelling tells how much two spellings of a name differ.
package spelling

// Nearest returns the name that was probably meant by a text; "" if none is near. A name is near if at most
// two letters are wrong, missing, too many or exchanged, and fewer than half of them.
func Nearest(text string, names []string) (near string) {
	best := min(2, (len(text)-1)/2) + 1
	for _, name := range names {
		if d := Distance(text, name, best); d < best {
			near, best = name, d
		}
	}
	return near
}

// Distance counts the edits between two texts: bytes to add, to remove, to change, or to swap with
// their neighbour (the optimal string alignment distance). It stops counting at limit: a result of
// limit means that many or more.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	n := len(b) + 1
	all := make([]int, 3*n)
	before2, before, row := all[:n], all[n:2*n], all[2*n:]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before2, before, row = before, row, before2
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before2[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit {
			return limit // the distance only grows from here, except that a swap can take one edit back
		}
	}
	return row[len(b)]
}
