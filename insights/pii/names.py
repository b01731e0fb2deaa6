"""What the names of columns say about personal data, in several languages."""

from __future__ import annotations

import re
import unicodedata

# Type → names, compared in small letters without signs and accents: the whole name, or (after *) its end.
NAMES: dict[str, tuple[str, ...]] = {
    "EMAIL": ("email", "mail", "*email", "*emailaddress", "*mailaddress", "*emailadresse", "correo", "*correoelectronico", "courriel", "*epost", "*emailadres", "邮箱", "电子邮件", "メール"),
    "PHONE": ("tel", "cell", "*phone", "*telephone", "*phonenumber", "*telephonenumber", "*mobile", "*mobilenumber", "fax", "*faxnumber", "*telefon", "*telefonnummer", "handy", "*handynummer",
              "*telefono", "*movil", "*telefone", "celular", "*cellulare", "*telefoonnummer", "*telefonu", "电话", "手机", "手机号", "電話番号", "телефон"),
    "CREDIT_DEBIT_NUMBER": ("pan", "*ccnumber", "*cardnumber", "*creditcard", "*cardno", "creditcardnumber", "*kartennummer", "*numerodetarjeta", "*numerodecarte", "*kaartnummer", "*numerodicarta"),
    "CREDIT_DEBIT_CVV": ("cvv", "cvv2", "cvc", "cvc2", "*securitycode", "prufziffer"),
    "CREDIT_DEBIT_EXPIRY": ("ccexpires", "*cardexpiry", "*cardexpires", "ccexpiry", "*expirydate"),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": ("*iban",),
    "BANK_ACCOUNT_NUMBER": ("*bankaccount", "*bankaccountnumber", "*accountnumber", "*kontonummer", "*cuentabancaria", "*rekeningnummer"),
    "BANK_ROUTING": ("*routingnumber", "*abanumber"),
    "SWIFT_CODE": ("swift", "*swiftcode", "*bic"),
    "SSN": ("*ssn", "*socialsecuritynumber", "*socialsecurity"),
    "NATIONAL_ID": ("*nationalid", "*personalid", "*identitynumber", "*taxid", "*steuerid", "*steuernummer", "*personalausweis", "*ausweisnummer", "*cedula", "*carteidentite", "*numerodocumento", "身份证", "身份证号", "マイナンバー"),
    "UK_NATIONAL_INSURANCE_NUMBER": ("nino", "*nationalinsurancenumber"), "UK_NATIONAL_HEALTH_SERVICE_NUMBER": ("nhs", "*nhsnumber", "*nhsno"), "CA_SOCIAL_INSURANCE_NUMBER": ("*socialinsurancenumber",),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": ("*itin",), "IN_AADHAAR": ("*aadhaar", "*aadhar", "*aadhaarnumber"), "IN_PERMANENT_ACCOUNT_NUMBER": ("pancard", "*pannumber"), "IN_VOTER_NUMBER": ("*voterid",),
    "FR_NIR": ("nir", "*securitesociale"), "ES_DNI": ("dni", "nif"), "ES_NIE": ("nie",), "IT_CODICE_FISCALE": ("*codicefiscale",), "NL_BSN": ("bsn", "*burgerservicenummer"),
    "PL_PESEL": ("pesel",), "BR_CPF": ("cpf",), "BR_CNPJ": ("cnpj",), "AU_TFN": ("tfn", "*taxfilenumber"), "AU_ABN": ("abn",), "AU_MEDICARE": ("*medicarenumber",),
    "PASSPORT_NUMBER": ("passport", "*passportnumber", "*passportno", "*reisepass", "*reisepassnummer", "*pasaporte", "*passeport", "*passaporto", "*paspoortnummer"),
    "DRIVER_ID": ("*driverlicense", "*driverslicense", "*drivinglicence", "*driverlicence", "*driverslicence", "*fuhrerschein", "*fuhrerscheinnummer", "*permisdeconduire", "*rijbewijs"),
    "LICENSE_PLATE": ("*licenseplate", "*licenceplate", "*numberplate", "*platenumber", "*kennzeichen", "*kenteken", "*immatriculation", "matricula"),
    "VEHICLE_IDENTIFICATION_NUMBER": ("*vinnumber", "*fahrgestellnummer"),
    "USERNAME": ("*username", "login", "*loginname", "nickname", "*benutzername", "*nombredeusuario", "*nomdutilisateur", "*gebruikersnaam"),
    "PASSWORD": ("*password", "passwd", "pwd", "*passwort", "*kennwort", "*contrasena", "*motdepasse", "*senha", "*wachtwoord", "*haslo"),
    "PIN": ("pin", "*pincode", "*pinnumber"),
    "AWS_SECRET_KEY": ("*secretaccesskey", "*awssecret"), "ACCESS_TOKEN": ("*accesstoken", "*apikey", "*authtoken", "*apitoken"), "PRIVATE_KEY": ("*privatekey",),
    "NAME": ("name", "*firstname", "*lastname", "*givenname", "*surname", "*familyname", "*middlename", "*fullname", "*maidenname", "*maiden",
             "*customername", "*personname", "*employeename", "*patientname", "*contactname", "forename", "vorname", "nachname", "familienname", "*kundenname",
             "nombre", "*apellido", "*apellidos", "prenom", "nomdefamille", "cognome", "sobrenome", "voornaam", "achternaam", "imie", "nazwisko", "姓名", "氏名", "фамилия", "имя"),
    "ADDRESS": ("*streetaddress", "address", "*homeaddress", "*postaladdress", "*addressline1", "*addressline2", "street", "city", "zip", "*zipcode", "*postcode", "*postalcode", "*shippingaddress", "*billingaddress",
                "adresse", "anschrift", "strasse", "straße", "plz", "postleitzahl", "wohnort", "direccion", "*codigopostal", "calle", "*codepostal", "indirizzo", "endereco", "adres", "straat", "woonplaats", "地址", "住所", "адрес"),
    "DATE_TIME": ("birthday", "*birthdate", "*dateofbirth", "dob", "*geburtsdatum", "geburtstag", "*fechadenacimiento", "*fechanacimiento", "*datedenaissance", "*datanascita", "*datadinascita", "*datanascimento", "*geboortedatum", "*dataurodzenia", "出生日期", "生年月日"),
    "AGE": ("age", "alter", "edad", "leeftijd", "年龄", "年齢"),
    "IP_ADDRESS": ("ip", "*ipaddress", "*ipadresse", "*ipaddr"),
    "MAC_ADDRESS": ("mac", "*macaddress"),
    "URL": ("*url", "*website", "*homepage", "domain"),
}  # fmt: skip


def by_name(column: str) -> str | None:
    """Return the type of personal data that a column's name speaks of, or None."""
    letters = unicodedata.normalize("NFKD", column.lower().replace("ß", "ss"))
    plain = unicodedata.normalize("NFC", re.sub(r"[\W_]", "", re.sub("[\u0300-\u036f]", "", letters)))
    for entity, names in NAMES.items():
        if any(plain == n or (n.startswith("*") and plain.endswith(n[1:])) for n in names):
            return entity
    return None


def words_of(column: str) -> str:
    """Return a column's name as words: `bankAccount_no` gives `bank account no`."""
    return " ".join(re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", column).replace("_", " ").split()).lower()
