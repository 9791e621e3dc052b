package packed

// What the tests of this package damage on purpose.
const (
	Magic      = magic
	FormNumber = formNumber
	FormAt     = formAt
	BodyAt     = bodyAt
)

var (
	ErrOtherForm = errOtherForm
	ErrDamaged   = errDamaged
)
