// Package awsconfig writes profiles into the configuration file of AWS's SDKs and command line
// (~/.aws/config): one marked block, with a profile for each account and role that a person may ask for.
//
// It promises that every byte outside the block stays; that the file is replaced as a whole or not at all,
// and never if it changed meanwhile; and that the commands in the block hold nothing but the path of a
// program, twelve digits and a role of strict form. A profile that exists outside the block is an error.
//
// The package runs nothing, calls no network, and neither reads nor writes a secret: of a credentials file it
// tells only the names of keys and their lines. Windows and macOS were not tried.
package awsconfig
