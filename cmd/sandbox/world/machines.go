package world

// MachineKeys are credentials of a machine in AWS: as a credential process prints
// them, and with the names that the controls have.
type MachineKeys struct {
	Version         int
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string

	Key    string `json:"access_key_id"`
	Secret string `json:"secret_access_key"`
	Token  string `json:"session_token"`
}

// MachineOrder says which machine is wanted.
type MachineOrder struct {
	ARN     string `json:"arn"`     // of its role
	Session string `json:"session"` // the name of its session; "" for build-1
}

// Machine returns credentials of a session of a role. A role that does not exist
// is made.
func (w *World) Machine(order MachineOrder) (MachineKeys, error) {
	if order.Session == "" {
		order.Session = "build-1"
	}
	keys, err := w.AWS.MachineSession(order.ARN, order.Session)
	if err != nil {
		return MachineKeys{}, err
	}
	key, secret, token := keys.AccessKeyID, keys.SecretKey.Reveal(), keys.SessionToken.Reveal()
	return MachineKeys{
		Version: 1, AccessKeyId: key, SecretAccessKey: secret, SessionToken: token, Key: key, Secret: secret, Token: token,
	}, nil
}
