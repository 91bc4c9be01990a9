# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# A part of make-zoo: certificates that are revoked, and those who say so.

aia='ocsp_uri = "http://ocsp.example.test/"'
local_name=$(dns localhost)

leaf revocable ca "$local_name" "$aia"
leaf revoked ca "$local_name" "$aia"
key revoked-client
sign ca revoked-client "Test Revoked Client" signing_key tls_www_client > revoked-client.pem
key asked-client
sign ca asked-client "Test Asked Client" signing_key tls_www_client "$aia" > asked-client.pem
leaf must-staple ca "$local_name" 'tls_feature = 5'
key revoked-ca
sign ca revoked-ca "Test Revoked Intermediate" "${authority[@]}" > revoked-ca.pem
leaf below-revoked revoked-ca "$local_name"
chain below-revoked revoked-ca
leaf below-good intermediate "$local_name" "$aia"
chain below-good intermediate
key ocsp-signer
sign ca ocsp-signer "Test OCSP Signer" signing_key ocsp_signing_key > ocsp-signer.pem
# Another authority that has taken the name.
key false-ca
sign self false-ca "Test Root" "${authority[@]}" > false-ca.pem

# crl ISSUER NAME FROM TO [CERTIFICATE]: what the issuer's list has
crl() {
    local issuer=$1 name=$2
    printf '%s\n' "crl_this_update_date = \"$3\"" "crl_next_update_date = \"$4\"" \
        'crl_revocation_date = "2026-01-02 03:04:00 UTC"' 'crl_number = 7' > crl.tmpl
    shift 4
    certtool --generate-crl --load-ca-privkey "$issuer.key" --load-ca-certificate "$issuer.pem" \
        --template crl.tmpl --no-text ${1:+--load-certificate "$1"} 2>> "$log" > "$name.pem"
    rm -f crl.tmpl
}

long=('2025-01-01 00:00:00 UTC' '2090-01-01 00:00:00 UTC')
past=('2019-01-01 00:00:00 UTC' '2020-01-01 00:00:00 UTC')
cat revoked.pem revoked-ca.pem revoked-client.pem > bad.pem
crl ca crl "${long[@]}" bad.pem
crl ca crl-expired "${past[@]}" bad.pem
crl other-ca crl-other "${long[@]}" bad.pem
crl false-ca crl-forged "${long[@]}" bad.pem
crl intermediate crl-intermediate "${long[@]}"
crl intermediate crl-below "${long[@]}" below-good.pem
rm -f bad.pem
openssl crl -in crl.pem -outform DER -out crl.der
mkdir -p crls
cp crl.pem crl-intermediate.pem crls/
echo 'not a list' > crls/README

serial() { openssl x509 -in "$1.pem" -noout -serial | cut -d= -f2; }

# What a responder knows; false-ca's is asked in the root's name.
{
    for name in revocable must-staple good intermediate; do
        printf 'V\t360101000000Z\t\t%s\tunknown\t/CN=%s\n' "$(serial $name)" $name
    done
    for name in revoked revoked-ca asked-client; do
        printf 'R\t360101000000Z\t260102030400Z,keyCompromise\t%s\tunknown\t/CN=%s\n' \
            "$(serial $name)" $name
    done
} > responder.index

# response NAME CERTIFICATE SIGNER [openssl's arguments]
response() {
    local name=$1 certificate=$2 signer=$3
    shift 3
    [ $# -gt 0 ] || set -- -ndays 3650
    openssl ocsp -index responder.index -CA ca.pem -rsigner "$signer.pem" -rkey "$signer.key" \
        -issuer ca.pem -cert "$certificate.pem" "$@" -respout "$name.ocsp" \
        >> "$log" 2>&1
}

response revocable revocable ca
response revoked revoked ca
response must-staple must-staple ca
response delegated revocable ocsp-signer
response undelegated revocable client
response wrong-signer revocable other-ca
response false-signer revocable false-ca
response unknown multi-san ca
response undated revocable ca -no_certs
"$here/age-response" revocable.ocsp ca.key aged.ocsp
# An error has no more to say (RFC 6960, 4.2.1): tryLater.
printf '\x30\x03\x0a\x01\x03' > try-later.ocsp
