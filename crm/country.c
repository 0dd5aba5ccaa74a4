/*
 * ISO 3166-1 with the short English names of Unicode CLDR, in which shops write countries. Must
 * never guess: an unknown text has no code.
 */
#include "crm/country.h"

#include <apr_lib.h>

#include <string.h>

#define NAME_MOST 64

typedef struct country_t {
    char alpha2[3];
    char alpha3[4];
    const char *name;
} country_t;

/* Sorted by alpha-2. */
static const country_t countries[] = {
    {"AD", "AND", "Andorra"},
    {"AE", "ARE", "United Arab Emirates"},
    {"AF", "AFG", "Afghanistan"},
    {"AG", "ATG", "Antigua & Barbuda"},
    {"AI", "AIA", "Anguilla"},
    {"AL", "ALB", "Albania"},
    {"AM", "ARM", "Armenia"},
    {"AO", "AGO", "Angola"},
    {"AQ", "ATA", "Antarctica"},
    {"AR", "ARG", "Argentina"},
    {"AS", "ASM", "American Samoa"},
    {"AT", "AUT", "Austria"},
    {"AU", "AUS", "Australia"},
    {"AW", "ABW", "Aruba"},
    {"AX", "ALA", "Åland Islands"},
    {"AZ", "AZE", "Azerbaijan"},
    {"BA", "BIH", "Bosnia & Herzegovina"},
    {"BB", "BRB", "Barbados"},
    {"BD", "BGD", "Bangladesh"},
    {"BE", "BEL", "Belgium"},
    {"BF", "BFA", "Burkina Faso"},
    {"BG", "BGR", "Bulgaria"},
    {"BH", "BHR", "Bahrain"},
    {"BI", "BDI", "Burundi"},
    {"BJ", "BEN", "Benin"},
    {"BL", "BLM", "St. Barthélemy"},
    {"BM", "BMU", "Bermuda"},
    {"BN", "BRN", "Brunei"},
    {"BO", "BOL", "Bolivia"},
    {"BQ", "BES", "Caribbean Netherlands"},
    {"BR", "BRA", "Brazil"},
    {"BS", "BHS", "Bahamas"},
    {"BT", "BTN", "Bhutan"},
    {"BV", "BVT", "Bouvet Island"},
    {"BW", "BWA", "Botswana"},
    {"BY", "BLR", "Belarus"},
    {"BZ", "BLZ", "Belize"},
    {"CA", "CAN", "Canada"},
    {"CC", "CCK", "Cocos (Keeling) Islands"},
    {"CD", "COD", "Congo - Kinshasa"},
    {"CF", "CAF", "Central African Republic"},
    {"CG", "COG", "Congo - Brazzaville"},
    {"CH", "CHE", "Switzerland"},
    {"CI", "CIV", "Côte d'Ivoire"},
    {"CK", "COK", "Cook Islands"},
    {"CL", "CHL", "Chile"},
    {"CM", "CMR", "Cameroon"},
    {"CN", "CHN", "China"},
    {"CO", "COL", "Colombia"},
    {"CR", "CRI", "Costa Rica"},
    {"CU", "CUB", "Cuba"},
    {"CV", "CPV", "Cabo Verde"},
    {"CW", "CUW", "Curaçao"},
    {"CX", "CXR", "Christmas Island"},
    {"CY", "CYP", "Cyprus"},
    {"CZ", "CZE", "Czechia"},
    {"DE", "DEU", "Germany"},
    {"DJ", "DJI", "Djibouti"},
    {"DK", "DNK", "Denmark"},
    {"DM", "DMA", "Dominica"},
    {"DO", "DOM", "Dominican Republic"},
    {"DZ", "DZA", "Algeria"},
    {"EC", "ECU", "Ecuador"},
    {"EE", "EST", "Estonia"},
    {"EG", "EGY", "Egypt"},
    {"EH", "ESH", "Western Sahara"},
    {"ER", "ERI", "Eritrea"},
    {"ES", "ESP", "Spain"},
    {"ET", "ETH", "Ethiopia"},
    {"FI", "FIN", "Finland"},
    {"FJ", "FJI", "Fiji"},
    {"FK", "FLK", "Falkland Islands"},
    {"FM", "FSM", "Micronesia"},
    {"FO", "FRO", "Faroe Islands"},
    {"FR", "FRA", "France"},
    {"GA", "GAB", "Gabon"},
    {"GB", "GBR", "United Kingdom"},
    {"GD", "GRD", "Grenada"},
    {"GE", "GEO", "Georgia"},
    {"GF", "GUF", "French Guiana"},
    {"GG", "GGY", "Guernsey"},
    {"GH", "GHA", "Ghana"},
    {"GI", "GIB", "Gibraltar"},
    {"GL", "GRL", "Greenland"},
    {"GM", "GMB", "Gambia"},
    {"GN", "GIN", "Guinea"},
    {"GP", "GLP", "Guadeloupe"},
    {"GQ", "GNQ", "Equatorial Guinea"},
    {"GR", "GRC", "Greece"},
    {"GS", "SGS", "South Georgia & South Sandwich Islands"},
    {"GT", "GTM", "Guatemala"},
    {"GU", "GUM", "Guam"},
    {"GW", "GNB", "Guinea-Bissau"},
    {"GY", "GUY", "Guyana"},
    {"HK", "HKG", "Hong Kong SAR"},
    {"HM", "HMD", "Heard & McDonald Islands"},
    {"HN", "HND", "Honduras"},
    {"HR", "HRV", "Croatia"},
    {"HT", "HTI", "Haiti"},
    {"HU", "HUN", "Hungary"},
    {"ID", "IDN", "Indonesia"},
    {"IE", "IRL", "Ireland"},
    {"IL", "ISR", "Israel"},
    {"IM", "IMN", "Isle of Man"},
    {"IN", "IND", "India"},
    {"IO", "IOT", "British Indian Ocean Territory"},
    {"IQ", "IRQ", "Iraq"},
    {"IR", "IRN", "Iran"},
    {"IS", "ISL", "Iceland"},
    {"IT", "ITA", "Italy"},
    {"JE", "JEY", "Jersey"},
    {"JM", "JAM", "Jamaica"},
    {"JO", "JOR", "Jordan"},
    {"JP", "JPN", "Japan"},
    {"KE", "KEN", "Kenya"},
    {"KG", "KGZ", "Kyrgyzstan"},
    {"KH", "KHM", "Cambodia"},
    {"KI", "KIR", "Kiribati"},
    {"KM", "COM", "Comoros"},
    {"KN", "KNA", "St. Kitts & Nevis"},
    {"KP", "PRK", "North Korea"},
    {"KR", "KOR", "South Korea"},
    {"KW", "KWT", "Kuwait"},
    {"KY", "CYM", "Cayman Islands"},
    {"KZ", "KAZ", "Kazakhstan"},
    {"LA", "LAO", "Laos"},
    {"LB", "LBN", "Lebanon"},
    {"LC", "LCA", "St. Lucia"},
    {"LI", "LIE", "Liechtenstein"},
    {"LK", "LKA", "Sri Lanka"},
    {"LR", "LBR", "Liberia"},
    {"LS", "LSO", "Lesotho"},
    {"LT", "LTU", "Lithuania"},
    {"LU", "LUX", "Luxembourg"},
    {"LV", "LVA", "Latvia"},
    {"LY", "LBY", "Libya"},
    {"MA", "MAR", "Morocco"},
    {"MC", "MCO", "Monaco"},
    {"MD", "MDA", "Moldova"},
    {"ME", "MNE", "Montenegro"},
    {"MF", "MAF", "St. Martin"},
    {"MG", "MDG", "Madagascar"},
    {"MH", "MHL", "Marshall Islands"},
    {"MK", "MKD", "North Macedonia"},
    {"ML", "MLI", "Mali"},
    {"MM", "MMR", "Myanmar (Burma)"},
    {"MN", "MNG", "Mongolia"},
    {"MO", "MAC", "Macao SAR"},
    {"MP", "MNP", "Northern Mariana Islands"},
    {"MQ", "MTQ", "Martinique"},
    {"MR", "MRT", "Mauritania"},
    {"MS", "MSR", "Montserrat"},
    {"MT", "MLT", "Malta"},
    {"MU", "MUS", "Mauritius"},
    {"MV", "MDV", "Maldives"},
    {"MW", "MWI", "Malawi"},
    {"MX", "MEX", "Mexico"},
    {"MY", "MYS", "Malaysia"},
    {"MZ", "MOZ", "Mozambique"},
    {"NA", "NAM", "Namibia"},
    {"NC", "NCL", "New Caledonia"},
    {"NE", "NER", "Niger"},
    {"NF", "NFK", "Norfolk Island"},
    {"NG", "NGA", "Nigeria"},
    {"NI", "NIC", "Nicaragua"},
    {"NL", "NLD", "Netherlands"},
    {"NO", "NOR", "Norway"},
    {"NP", "NPL", "Nepal"},
    {"NR", "NRU", "Nauru"},
    {"NU", "NIU", "Niue"},
    {"NZ", "NZL", "New Zealand"},
    {"OM", "OMN", "Oman"},
    {"PA", "PAN", "Panama"},
    {"PE", "PER", "Peru"},
    {"PF", "PYF", "French Polynesia"},
    {"PG", "PNG", "Papua New Guinea"},
    {"PH", "PHL", "Philippines"},
    {"PK", "PAK", "Pakistan"},
    {"PL", "POL", "Poland"},
    {"PM", "SPM", "St. Pierre & Miquelon"},
    {"PN", "PCN", "Pitcairn Islands"},
    {"PR", "PRI", "Puerto Rico"},
    {"PS", "PSE", "Palestinian Territories"},
    {"PT", "PRT", "Portugal"},
    {"PW", "PLW", "Palau"},
    {"PY", "PRY", "Paraguay"},
    {"QA", "QAT", "Qatar"},
    {"RE", "REU", "Réunion"},
    {"RO", "ROU", "Romania"},
    {"RS", "SRB", "Serbia"},
    {"RU", "RUS", "Russia"},
    {"RW", "RWA", "Rwanda"},
    {"SA", "SAU", "Saudi Arabia"},
    {"SB", "SLB", "Solomon Islands"},
    {"SC", "SYC", "Seychelles"},
    {"SD", "SDN", "Sudan"},
    {"SE", "SWE", "Sweden"},
    {"SG", "SGP", "Singapore"},
    {"SH", "SHN", "St. Helena"},
    {"SI", "SVN", "Slovenia"},
    {"SJ", "SJM", "Svalbard & Jan Mayen"},
    {"SK", "SVK", "Slovakia"},
    {"SL", "SLE", "Sierra Leone"},
    {"SM", "SMR", "San Marino"},
    {"SN", "SEN", "Senegal"},
    {"SO", "SOM", "Somalia"},
    {"SR", "SUR", "Suriname"},
    {"SS", "SSD", "South Sudan"},
    {"ST", "STP", "São Tomé & Príncipe"},
    {"SV", "SLV", "El Salvador"},
    {"SX", "SXM", "Sint Maarten"},
    {"SY", "SYR", "Syria"},
    {"SZ", "SWZ", "Eswatini"},
    {"TC", "TCA", "Turks & Caicos Islands"},
    {"TD", "TCD", "Chad"},
    {"TF", "ATF", "French Southern Territories"},
    {"TG", "TGO", "Togo"},
    {"TH", "THA", "Thailand"},
    {"TJ", "TJK", "Tajikistan"},
    {"TK", "TKL", "Tokelau"},
    {"TL", "TLS", "Timor-Leste"},
    {"TM", "TKM", "Turkmenistan"},
    {"TN", "TUN", "Tunisia"},
    {"TO", "TON", "Tonga"},
    {"TR", "TUR", "Türkiye"},
    {"TT", "TTO", "Trinidad & Tobago"},
    {"TV", "TUV", "Tuvalu"},
    {"TW", "TWN", "Taiwan"},
    {"TZ", "TZA", "Tanzania"},
    {"UA", "UKR", "Ukraine"},
    {"UG", "UGA", "Uganda"},
    {"UM", "UMI", "U.S. Outlying Islands"},
    {"US", "USA", "United States"},
    {"UY", "URY", "Uruguay"},
    {"UZ", "UZB", "Uzbekistan"},
    {"VA", "VAT", "Vatican City"},
    {"VC", "VCT", "St. Vincent & Grenadines"},
    {"VE", "VEN", "Venezuela"},
    {"VG", "VGB", "British Virgin Islands"},
    {"VI", "VIR", "U.S. Virgin Islands"},
    {"VN", "VNM", "Vietnam"},
    {"VU", "VUT", "Vanuatu"},
    {"WF", "WLF", "Wallis & Futuna"},
    {"WS", "WSM", "Samoa"},
    {"YE", "YEM", "Yemen"},
    {"YT", "MYT", "Mayotte"},
    {"ZA", "ZAF", "South Africa"},
    {"ZM", "ZMB", "Zambia"},
    {"ZW", "ZWE", "Zimbabwe"},
};

/* Other names in use. */
static const struct {
    const char *name;
    char alpha3[4];
} others[] = {
    {"America", "USA"},
    {"Burma", "MMR"},
    {"Cape Verde", "CPV"},
    {"Congo", "COG"},
    {"Czech Republic", "CZE"},
    {"Democratic Republic of the Congo", "COD"},
    {"East Timor", "TLS"},
    {"England", "GBR"},
    {"Great Britain", "GBR"},
    {"Holland", "NLD"},
    {"Holy See", "VAT"},
    {"Hong Kong", "HKG"},
    {"Ivory Coast", "CIV"},
    {"Macao", "MAC"},
    {"Macau", "MAC"},
    {"Macedonia", "MKD"},
    {"Myanmar", "MMR"},
    {"Northern Ireland", "GBR"},
    {"Palestine", "PSE"},
    {"Republic of Korea", "KOR"},
    {"Republic of the Congo", "COG"},
    {"Russian Federation", "RUS"},
    {"Scotland", "GBR"},
    {"Swaziland", "SWZ"},
    {"The Bahamas", "BHS"},
    {"The Gambia", "GMB"},
    {"The Netherlands", "NLD"},
    {"Turkey", "TUR"},
    {"UK", "GBR"},
    {"United States of America", "USA"},
    {"Viet Nam", "VNM"},
    {"Wales", "GBR"},
};

/* The ASCII letter under a Latin-1 letter of two UTF-8 bytes (0xC3, `second`), NUL when it has
 * none. */
static char letter_under(unsigned char second)
{
    static const char under[] = "aaaaaaaceeeeiiiidnooooo\0ouuuuyts";

    return second >= 0x80 && second <= 0xBF ? under[(second - 0x80) & 0x1F] : '\0';
}

/* Letters and digits only, small, without accents; "&" reads "and", "Saint" reads "St". An empty
 * key when the text is too long to be a name. */
static void make_key(char *key, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t n = 0;
    char c;

    for (; *from; from++) {
        c = '\0';
        if (n + 4 > NAME_MOST) {
            n = 0;
            break;
        }
        if (*from == 0xC3) {
            c = letter_under(from[1]);
        }
        else if (apr_isalnum(*from) && *from < 0x80) {
            c = (char)apr_tolower(*from);
        }
        else if (*from == '&') {
            memcpy(key + n, "and", 3);
            n += 3;
        }
        if (c) {
            key[n++] = c;
        }
    }
    key[n] = '\0';
    if (strncmp(key, "saint", 5) == 0) {
        memmove(key + 2, key + 5, n - 5 + 1);
        key[1] = 't';
    }
}

static const char *find_name(const char *text)
{
    char wanted[NAME_MOST + 1], key[NAME_MOST + 1];
    size_t i;

    make_key(wanted, text);
    if (!*wanted) {
        return NULL;
    }
    for (i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        make_key(key, countries[i].name);
        if (strcmp(key, wanted) == 0) {
            return countries[i].alpha3;
        }
    }
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        make_key(key, others[i].name);
        if (strcmp(key, wanted) == 0) {
            return others[i].alpha3;
        }
    }
    return NULL;
}

const char *crm_country_find(const char *text)
{
    char code[4];
    size_t i, length;

    text += strspn(text, " \t");
    for (length = 0; length < 3 && apr_isalpha(text[length]); length++) {
        code[length] = (char)apr_toupper(text[length]);
    }
    code[length] = '\0';
    if (length < 2 || text[length + strspn(text + length, " \t")] != '\0') {
        return find_name(text);
    }
    for (i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        if (strcmp(length == 2 ? countries[i].alpha2 : countries[i].alpha3, code) == 0) {
            return countries[i].alpha3;
        }
    }
    return find_name(text);
}
