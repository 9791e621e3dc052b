package slackapi

import (
	"errors"
	"net/http"
	"strings"
)

// Class says what can be done about a call that failed.
type Class string

// The classes of errors.
const (
	// Token: the bot token is refused, or cannot be read. The client has already read it again and tried once more;
	// the operators have to put a valid one into SSM.
	Token Class = "token"
	// Wait: the same call may succeed later. The cause is a rate limit, a server error or a missing answer.
	Wait Class = "wait"
	// Gone: the message, form, trigger, link or person no longer exists. Nobody has to act, and another try cannot help.
	Gone Class = "gone"
	// Invalid: the call itself is invalid. Only a new version of this software helps.
	Invalid Class = "ours"
	// Operator: an operator, or an administrator of Slack, has to change something.
	Operator Class = "operator"
	// Unknown: Slack does not document the code for the method.
	Unknown Class = "unknown"
)

// classes are the codes that Slack documents, or once documented, for the methods that this package calls
// (testdata/errors.txt names the pages), and the codes of this package.
var classes = map[Class]string{
	Token: `account_inactive invalid_auth is_bot not_allowed_token_type not_authed org_login_required token_expired
		token_revoked`,
	Wait: `fatal_error internal_error message_limit_exceeded rate_limited ratelimited request_timeout rollup_error
		service_unavailable streaming_state_conflict team_added_to_org update_failed`,
	Gone: `cannot_dm_bot cannot_reply_to_message cant_update_message exchanged_trigger_id expired_trigger_id expired_url
		hash_conflict invalid_cursor invalid_trigger_id invalid_user_combination message_not_found no_service no_service_id
		no_team not_found not_slack team_disabled used_url user_disabled user_not_found user_not_in_channel
		user_not_visible`,
	Invalid: `agent_prompt_display_not_allowed as_user_not_supported attachment_payload_limit_exceeded block_mismatch
		blocked_file_type cant_broadcast_message deprecated_endpoint draft_already_deleted draft_already_sent
		draft_has_conflict draft_not_found duplicate_channel_not_found duplicate_external_id duplicate_message_not_found
		file_deleted file_is_deleted file_not_found file_share_limit_reached invalid_arg_name invalid_arguments
		invalid_array_arg invalid_attachments invalid_blocks invalid_blocks_format invalid_charset invalid_form_data
		invalid_json invalid_metadata_format invalid_metadata_schema invalid_payload invalid_post_type json_not_object
		limit_required markdown_text_conflict max_file_sharing_exceeded metadata_must_be_sent_from_app metadata_too_large
		method_deprecated method_not_supported_for_channel_type missing_argument missing_charset missing_file_data
		missing_post_type missing_text_or_fallback_or_attachments msg_blocks_too_long msg_too_long
		no_dual_broadcast_content_update no_text not_enough_users posting_to_channel_denied send_on_behalf_not_allowed
		superfluous_charset team_not_found too_many_attachments too_many_contact_cards too_many_pages too_many_users
		unable_to_share_files unknown_method users_list_not_supplied view_too_large`,
	Operator: `access_denied accesslimited action_prohibited app_access_restricted channel_is_archived
		channel_is_limited_access channel_not_found edit_window_closed ekm_access_denied enterprise_is_restricted
		external_channel_migrating is_archived is_inactive messages_tab_disabled missing_scope no_permission no_such_subteam
		not_in_channel plan_upgrade_required posting_to_general_channel_denied restricted_action
		restricted_action_non_threadable_channel restricted_action_read_only_channel restricted_action_thread_locked
		restricted_action_thread_only_channel slack_connect_blocked_file_type slack_connect_canvas_sharing_blocked
		slack_connect_clip_sharing_blocked slack_connect_file_link_sharing_blocked
		slack_connect_file_upload_sharing_blocked slack_connect_lists_sharing_blocked team_access_not_granted
		two_factor_setup_required upgrade_require upgrade_required user_is_bot user_is_restricted`,
}

// exceptions are codes that have another class for one method, by method and code.
var exceptions = map[string]Class{
	// A response URL belongs to one click: nobody can repair it, and the next click brings a new one.
	respondOp + " channel_not_found":                 Gone,
	respondOp + " channel_is_archived":               Gone,
	respondOp + " action_prohibited":                 Gone,
	respondOp + " posting_to_general_channel_denied": Gone,
	respondOp + " invalid_token":                     Gone,
}

var classByCode = indexClasses()

func indexClasses() map[string]Class {
	of := make(map[string]Class)
	for class, codes := range classes {
		for code := range strings.FieldsSeq(codes) {
			of[code] = class
		}
	}
	return of
}

// Classify returns the class of an error of this package, "" for nil. An error of another package means that no call
// was made, because the token could not be read.
func Classify(err error) Class {
	var e *Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return Token
	case e.Code != "":
		return ClassOf(e.Op, e.Code)
	case e.Status == 0, e.Status == http.StatusTooManyRequests, e.Status >= http.StatusInternalServerError:
		return Wait
	}
	return Unknown
}

// ClassOf returns the class of an error code of one of Slack's methods.
func ClassOf(method, code string) Class {
	if class, found := exceptions[method+" "+code]; found {
		return class
	}
	if class, found := classByCode[code]; found {
		return class
	}
	return Unknown
}

// wholeChannel are the codes with which Slack would refuse every new message in a channel.
const wholeChannel = ` access_denied channel_not_found ekm_access_denied is_archived missing_scope no_permission ` +
	`not_in_channel restricted_action restricted_action_read_only_channel team_access_not_granted `

// WholeChannel reports whether another message to the same channel, by the same
// method, would be refused with the same code.
func WholeChannel(code string) bool {
	return code != "" && strings.Contains(wholeChannel, " "+code+" ")
}
